// The page of a site's logs, for those who may follow them.
import "../log-follow";
