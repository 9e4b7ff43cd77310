// The page of one deployment.
import "../deployment-log";
