//! Tests of hosting: pure parts as snapshots, the rest against the real Docker, Traefik and ACME server.

mod real_stack;
