//! The official Rust client as a consumer of dbn-relay, for ../../../relay_test.go.
//!
//! Usage: relay PORT KEY live|replay SCHEMA STYPE SYMBOLS COMPRESSION COUNT
//!
//! Prints "ready" when the gateway has acknowledged the subscription and "complete" after COUNT
//! records; at the end of the session it prints the number of the records and their SHA-256.

use databento::dbn::{rtype, Compression, ErrorMsg, SystemMsg, VersionUpgradePolicy};
use databento::live::Subscription;
use databento::LiveClient;
use dbnloop_interop::Result;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

async fn consume(args: &[String]) -> Result<()> {
    let [port, key, mode, schema, stype, symbols, compression, count] = args else {
        return Err("usage: PORT KEY live|replay SCHEMA STYPE SYMBOLS COMPRESSION COUNT".into());
    };
    let count: usize = count.parse()?;
    let mut client = LiveClient::builder()
        .addr(format!("127.0.0.1:{port}"))
        .await?
        .key(key.as_str())?
        .dataset(dbnloop_interop::DATASET)
        .upgrade_policy(VersionUpgradePolicy::UpgradeToV3)
        .compression(compression.parse::<Compression>()?)
        .build()
        .await?;
    let subscription = Subscription::builder()
        .symbols(symbols.split(',').map(str::to_owned).collect::<Vec<_>>())
        .schema(schema.parse()?)
        .stype_in(stype.parse()?);
    client
        .subscribe(match mode.as_str() {
            "replay" => subscription.start(OffsetDateTime::UNIX_EPOCH).build(),
            _ => subscription.build(),
        })
        .await?;
    client.start().await?;
    let (mut records, mut hash) = (0, Sha256::new());
    while let Some(record) = client.next_record().await? {
        match record.header().rtype {
            rtype::SYMBOL_MAPPING => {}
            rtype::ERROR => {
                let error = record.get::<ErrorMsg>().ok_or("an error of odd length")?;
                return Err(error.err()?.to_owned().into());
            }
            rtype::SYSTEM => {
                let system = record.get::<SystemMsg>().ok_or("a system message of odd length")?;
                if system.msg()?.starts_with("Subscription request") {
                    println!("ready");
                }
            }
            _ => {
                hash.update(record.as_ref());
                records += 1;
                if records == count {
                    println!("complete");
                }
            }
        }
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{records} {digest}");
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(consume(&args))
}
