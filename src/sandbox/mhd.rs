//! A Document Recipient: takes Provide Document Bundles (IHE ITI-65) and Simplified Publish (ITI-105), and checks them against
//! MHD 4.2.3 and `PDSm` 3.1.1.

use std::net::SocketAddr;

use super::{Handle, constraint, serve};
use crate::problem::Problem;

/// Starts a recipient; port 0 takes a free one. Must be called in a tokio runtime.
///
/// # Errors
/// Internal, when the address cannot be listened on.
pub fn start(address: SocketAddr) -> Result<Handle, Problem> {
    serve::start("MHD sandbox", address, constraint::faults, Some(constraint::simplified_faults))
}
