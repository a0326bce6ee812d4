//! What makes things happen later: deadlines. (Readiness of file descriptors will live here too.)

pub(crate) mod timer;
