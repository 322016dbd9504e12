//! The official Rust crates, measured as ../../../receive.cpp measures ours: databento's live
//! and historical clients, and dbn's decoder of files.
//!
//!     peer live|file|historical FORM PORT|PATH RECORDS

use std::time::Instant;

use databento::historical::timeseries::GetRangeParams;
use databento::live::Subscription;
use databento::{HistoricalClient, LiveClient, Symbols};
use dbn::decode::{DbnDecoder, DecodeRecordRef};
use dbn::{
    rtype, InstrumentDefMsg, MboMsg, Mbp10Msg, Mbp1Msg, OhlcvMsg, RecordRef, Schema, TradeMsg,
    VersionUpgradePolicy,
};
use time::macros::datetime;

const KEY: &str = "db-benchbenchbenchbenchbench0000";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn cpu_seconds() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: getrusage fills the struct, which zeroes are valid for.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 * 1e-6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

struct Measurement {
    records: u64,
    sum: u64,
    began: Instant,
    cpu: f64,
}

impl Measurement {
    fn start() -> Self {
        Self {
            records: 0,
            sum: 0,
            began: Instant::now(),
            cpu: cpu_seconds(),
        }
    }

    fn add(&mut self, price: Option<i64>) {
        if let Some(price) = price {
            self.records += 1;
            self.sum = self.sum.wrapping_add(price as u64);
        }
    }

    fn take(&mut self, r: RecordRef) {
        match r.header().rtype {
            rtype::MBO => self.add(r.get::<MboMsg>().map(|m| m.price)),
            rtype::MBP_0 => self.add(r.get::<TradeMsg>().map(|m| m.price)),
            rtype::MBP_1 => self.add(r.get::<Mbp1Msg>().map(|m| m.price)),
            rtype::MBP_10 => self.add(r.get::<Mbp10Msg>().map(|m| m.price)),
            rtype::OHLCV_1S => self.add(r.get::<OhlcvMsg>().map(|m| m.close)),
            rtype::INSTRUMENT_DEF => {
                self.add(r.get::<InstrumentDefMsg>().map(|m| m.min_price_increment))
            }
            _ => {}
        }
    }

    fn print(&self) {
        println!(
            r#"{{"records":{},"sum":{},"seconds":{:.9},"cpu":{:.6}}}"#,
            self.records,
            self.sum,
            self.began.elapsed().as_secs_f64(),
            cpu_seconds() - self.cpu
        );
    }
}

async fn live(port: &str) -> Result<()> {
    let mut client = LiveClient::builder()
        .addr(format!("127.0.0.1:{port}"))
        .await?
        .key(KEY)?
        .dataset("GLBX.MDP3")
        .build()
        .await?;
    let all = Subscription::builder()
        .symbols(Symbols::All)
        .schema(Schema::Mbo)
        .build();
    client.subscribe(all).await?;
    client.start().await?;
    let mut m = Measurement::start();
    while let Some(record) = client.next_record().await? {
        m.take(record);
    }
    m.print();
    Ok(())
}

fn file(path: &str) -> Result<()> {
    let mut m = Measurement::start();
    if path.ends_with(".zst") {
        let mut decoder = DbnDecoder::from_zstd_file(path)?;
        decoder.set_upgrade_policy(VersionUpgradePolicy::UpgradeToV3)?;
        while let Some(record) = decoder.decode_record_ref()? {
            m.take(record);
        }
    } else {
        let mut decoder = DbnDecoder::from_file(path)?;
        decoder.set_upgrade_policy(VersionUpgradePolicy::UpgradeToV3)?;
        while let Some(record) = decoder.decode_record_ref()? {
            m.take(record);
        }
    }
    m.print();
    Ok(())
}

async fn historical(port: &str) -> Result<()> {
    let mut client = HistoricalClient::builder()
        .key(KEY)?
        .base_url(format!("https://127.0.0.1:{port}").parse()?)
        .build()?;
    let params = GetRangeParams::builder()
        .dataset("GLBX.MDP3")
        .schema(Schema::Mbo)
        .symbols(Symbols::All)
        .date_time_range((
            datetime!(2026-11-15 00:00 UTC),
            datetime!(2026-11-16 00:00 UTC),
        ))
        .build();
    let mut m = Measurement::start();
    let mut decoder = client.timeseries().get_range(&params).await?;
    while let Some(record) = decoder.decode_record_ref().await? {
        m.take(record);
    }
    m.print();
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, transport, _form, target, _records] = args.as_slice() else {
        return Err("usage: peer live|file|historical FORM PORT|PATH RECORDS".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match transport.as_str() {
        "live" => runtime.block_on(live(target)),
        "file" => file(target),
        "historical" => runtime.block_on(historical(target)),
        _ => Err(format!("unknown transport {transport}").into()),
    }
}
