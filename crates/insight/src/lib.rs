//! What events say about customers: health scores that explain themselves, churn, segments.
