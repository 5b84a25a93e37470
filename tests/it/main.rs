//! One binary; the list of modules is the list of promises.

mod tidy;
