//! Wake-ups between replicas: LISTEN and NOTIFY, with the courier's own polling when they fail.

use std::future::poll_fn;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Client, Connection, Error};

use super::connection::Address;

/// The channel: its messages say nothing but that deliveries may have become due.
pub(super) const CHANNEL: &str = "vigie_deliveries";
/// Between attempts to listen again.
const PAUSE: Duration = Duration::from_secs(1);

/// Listens for ever, over as many connections as it takes.
pub(super) async fn listen(address: Address, wake: watch::Sender<u64>) {
    loop {
        let notified = || wake.send_modify(|n| *n += 1);
        if let Err(fault) = address.listen(CHANNEL, notified).await {
            tracing::debug!(%fault, "no longer listening for the wake-ups of other replicas");
        }
        // What happened while nobody listened may have been a wake-up.
        wake.send_modify(|n| *n += 1);
        tokio::time::sleep(PAUSE).await;
    }
}

pub(super) async fn until_lost<S, T>(
    client: Client,
    mut connection: Connection<S, T>,
    channel: &str,
    mut notified: impl FnMut() + Send,
) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    T: AsyncRead + AsyncWrite + Unpin + Send,
{
    let listen = format!("LISTEN {channel}");
    let mut listening = Box::pin(client.batch_execute(&listen));
    let mut asked = false;
    loop {
        tokio::select! {
            biased;
            answer = &mut listening, if !asked => {
                answer?;
                asked = true;
            }
            message = poll_fn(|context| connection.poll_message(context)) => match message {
                Some(Ok(AsyncMessage::Notification(_))) => notified(),
                Some(Ok(_)) => {}
                Some(Err(fault)) => return Err(fault),
                None => return Ok(()),
            },
        }
    }
}
