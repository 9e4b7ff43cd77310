// What every page loads. Each import is one behaviour, attached by a data attribute; pages work without them.
import "htmx.org";

import "../theme";
import "../dialogs";
import "../popovers";
import "../toasts";
import "../busy";
import "../copy";
import "../reveal";
import "../confirm-name";
import "../field-check";
import "../strength";
import "../times";
import "../follow";
import "../forms";
import "../fragments";
import "../palette";
import "../live";
