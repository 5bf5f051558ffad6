//! `onepoint healthcheck`: asks the server at hand whether it can be sent work; for images without another client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use platform::error::{Error, ErrorKind, Result};

use crate::client::Client;
use crate::config::Settings;

/// A server that takes longer to say whether it is ready is not.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whom to ask.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// Address of the server (default: where the settings let it listen)
    #[arg(long)]
    url: Option<String>,
}

/// Runs the command: 0 if the server is ready, 1 if it is not or does not answer.
///
/// # Errors
/// No address to ask, or a server that does not answer.
pub fn run(settings: &Settings, args: &HealthcheckArgs) -> Result<ExitCode> {
    let url = match &args.url {
        Some(url) => url.clone(),
        None => own_address(settings)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal("no runtime for the client").caused_by(error))?;
    let client = Client::new(&url, None)?;
    let asked = async { tokio::time::timeout(PATIENCE, client.get("/readyz")).await };
    let answer = runtime.block_on(asked).map_err(|_| {
        let message = format!("{url} did not answer within {} s", PATIENCE.as_secs());
        Error::new(ErrorKind::Unavailable, "client.unreachable", message)
    })??;
    if answer.status == 200 {
        println!("ready");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("onepoint: {url} is not ready: {}", answer.detail());
    Ok(ExitCode::FAILURE)
}

/// Where the settings let the server listen; where that is every address, this machine's own.
fn own_address(settings: &Settings) -> Result<String> {
    let mut address = settings.socket_addr("listen")?.filter(|address| address.port() != 0).ok_or_else(|| {
        Error::new(ErrorKind::Invalid, "config.url", "the setting listen names no port to ask; give --url")
    })?;
    if address.ip().is_unspecified() {
        let own = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
        address.set_ip(own);
    }
    Ok(format!("http://{address}"))
}
