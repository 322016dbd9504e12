//! Compares what the official Rust client receives from dbn-sim with the files served.
//!
//! Usage: live DBN_SIM SAMPLE_DIR [FIXTURE_DIR]
//!
//! Every sample schema is received in DBN versions 1, 2 and 3, and every DBN file of
//! FIXTURE_DIR in its own version under each upgrade policy, each with and without zstd and
//! ts_out. Each record must equal, bit for bit, what the dbn crate reads from the file under
//! the same policy.

use std::collections::BTreeSet;
use std::path::Path;

use databento::dbn::{
    rtype, Compression, ErrorMsg, Metadata, PitSymbolMap, SType, Schema, SystemCode, SystemMsg,
    VersionUpgradePolicy,
};
use databento::live::Subscription;
use databento::{LiveClient, Symbols};
use dbnloop_interop::*;
use time::OffsetDateTime;

use VersionUpgradePolicy::{AsIs, UpgradeToV2, UpgradeToV3};

/// How a session is asked for.
#[derive(Clone, Copy, Debug)]
struct Way {
    policy: VersionUpgradePolicy,
    compression: Compression,
    ts_out: bool,
    /// Records by try_next_record and fill_buf, instead of next_record.
    by_hand: bool,
}

const PLAIN: Way = Way {
    policy: UpgradeToV3,
    compression: Compression::None,
    ts_out: false,
    by_hand: false,
};

fn ways(policy: VersionUpgradePolicy) -> impl Iterator<Item = Way> {
    [(false, false), (false, true), (true, false), (true, true)]
        .into_iter()
        .map(move |(zstd, ts_out)| Way {
            policy,
            compression: if zstd {
                Compression::Zstd
            } else {
                Compression::None
            },
            ts_out,
            by_hand: ts_out != zstd,
        })
}

fn gateway(program: &Path, args: &[&str]) -> Result<(Simulator, String)> {
    let mut sim = Simulator::start(program, &[&["--close-at-end"], args].concat())?;
    let address = sim.ready("listening on ")?;
    Ok((sim, address))
}

/// What a session brought until the gateway closed it.
#[derive(Default)]
struct Received {
    data: Vec<Vec<u8>>,
    symbols: PitSymbolMap,
    errors: Vec<String>,
    systems: Vec<(Option<SystemCode>, String)>,
}

impl Received {
    /// Sorts a record in. What the gateway says itself is looked into only where it is of
    /// the newest version.
    fn take(&mut self, record: databento::dbn::RecordRef, way: Way) -> Result<()> {
        let newest = way.policy == UpgradeToV3;
        match record.header().rtype {
            rtype::SYMBOL_MAPPING if newest => self.symbols.on_record(record)?,
            rtype::ERROR if newest => {
                let error = record.get::<ErrorMsg>().ok_or("an error of odd length")?;
                self.errors.push(error.err()?.to_owned());
            }
            rtype::SYSTEM if newest => {
                let system = record
                    .get::<SystemMsg>()
                    .ok_or("a system message of odd length")?;
                self.systems
                    .push((system.code().ok(), system.msg()?.to_owned()));
            }
            rtype::SYMBOL_MAPPING | rtype::ERROR | rtype::SYSTEM => {}
            _ if way.ts_out => self.data.push(without_ts_out(record.as_ref())?),
            _ => self.data.push(record.as_ref().to_vec()),
        }
        Ok(())
    }
}

/// The record as it is without the time of sending, which must be now.
fn without_ts_out(record: &[u8]) -> Result<Vec<u8>> {
    let (own, sent) = record.split_at(record.len() - 8);
    let sent = u64::from_le_bytes(sent.try_into()?) as i128;
    let now = OffsetDateTime::now_utc().unix_timestamp_nanos();
    if !(now - 120_000_000_000..=now).contains(&sent) {
        return Err(format!("ts_out {sent} is not now, {now}").into());
    }
    let mut own = own.to_vec();
    own[0] = (own.len() / 4) as u8;
    Ok(own)
}

async fn connect(address: &str, dataset: &str, key: &str, way: Way) -> Result<LiveClient> {
    Ok(LiveClient::builder()
        .addr(address)
        .await?
        .key(key)?
        .dataset(dataset)
        .upgrade_policy(way.policy)
        .compression(way.compression)
        .send_ts_out(way.ts_out)
        .build()
        .await?)
}

/// Starts the session and reads it to its end.
async fn read(client: &mut LiveClient, way: Way) -> Result<(Received, Metadata)> {
    let metadata = client.start().await?;
    let mut got = Received::default();
    if way.by_hand {
        loop {
            while let Some(record) = client.try_next_record()? {
                got.take(record, way)?;
            }
            if client.fill_buf().await? == 0 {
                break;
            }
        }
    } else {
        while let Some(record) = client.next_record().await? {
            got.take(record, way)?;
        }
    }
    expect("closed", client.is_closed(), true)?;
    Ok((got, metadata))
}

async fn receive(
    address: &str,
    dataset: &str,
    subscriptions: Vec<Subscription>,
    way: Way,
) -> Result<(Received, Metadata)> {
    let mut client = connect(address, dataset, KEY, way).await?;
    for subscription in subscriptions {
        client.subscribe(subscription).await?;
    }
    read(&mut client, way).await
}

fn all(schema: Schema) -> Subscription {
    Subscription::builder()
        .symbols(Symbols::All)
        .schema(schema)
        .build()
}

fn of(schema: Schema, symbol: &str, stype_in: SType) -> Subscription {
    Subscription::builder()
        .symbols(symbol)
        .schema(schema)
        .stype_in(stype_in)
        .build()
}

fn symbols(map: &PitSymbolMap) -> BTreeSet<String> {
    names(map.inner().values())
}

async fn samples(program: &Path, folder: &Path) -> Result<()> {
    let (mut sessions, mut records) = (0, 0);
    for version in ["1", "2", "3"] {
        let (_sim, address) = gateway(program, &["--dbn-version", version])?;
        for path in dbn_files(folder)? {
            let schema = sample_schema(&path)?;
            let (want, _) = from_file(&path, UpgradeToV3)?;
            for way in ways(UpgradeToV3) {
                let (got, metadata) = receive(&address, DATASET, vec![all(schema)], way).await?;
                let name = format!("sample {schema} v{version} {way:?}");
                records += same(&name, &got.data, &want)?;
                expect(
                    &name,
                    symbols(&got.symbols),
                    names(["CLF7", "ESZ6", "GCG7", "NQZ6"]),
                )?;
                expect(&name, (metadata.version, metadata.ts_out), (3, way.ts_out))?;
                sessions += 1;
            }
        }
    }
    println!("  sample data, versions 1 to 3: {sessions} sessions, {records} records equal");
    Ok(())
}

async fn fixtures(program: &Path, folder: &Path) -> Result<()> {
    let (mut files, mut sessions, mut records) = (0, 0, 0);
    for path in dbn_files(folder)? {
        let (_, own) = from_file(&path, AsIs)?;
        let (_sim, address) = gateway(program, &[&path.to_string_lossy()])?;
        files += 1;
        for policy in [AsIs, UpgradeToV2, UpgradeToV3] {
            if policy == UpgradeToV2 && own.version > 2 {
                continue;
            }
            let (want, metadata) = from_file(&path, policy)?;
            let schema = metadata.schema.ok_or("a file of no schema")?;
            let symbols = match metadata.symbols.clone() {
                none if none.is_empty() => Symbols::All,
                some => Symbols::Symbols(some),
            };
            for way in ways(policy) {
                let one = Subscription::builder()
                    .symbols(symbols.clone())
                    .schema(schema)
                    .build();
                let (got, sent) = receive(&address, &metadata.dataset, vec![one], way).await?;
                let name = format!("{} {way:?}", path.display());
                records += same(&name, &got.data, &want)?;
                expect(&name, sent.version, metadata.version)?;
                sessions += 1;
            }
        }
    }
    println!("  {files} real files: {sessions} sessions, {records} records equal");
    Ok(())
}

/// Several schemas in one session, each with symbols of its own.
async fn several(program: &Path, folder: &Path) -> Result<()> {
    let (_sim, address) = gateway(program, &[])?;
    let wanted = [
        (Schema::Mbo, rtype::MBO, "ESZ6"),
        (Schema::Trades, rtype::MBP_0, "NQZ6"),
        (Schema::Ohlcv1S, rtype::OHLCV_1S, "CLF7"),
        (Schema::Definition, rtype::INSTRUMENT_DEF, "GCG7"),
    ];
    let subscriptions = wanted.map(|(schema, _, symbol)| of(schema, symbol, SType::RawSymbol));
    let mut records = 0;
    for way in ways(UpgradeToV3) {
        let (got, _) = receive(&address, DATASET, subscriptions.to_vec(), way).await?;
        expect("errors", &got.errors, &Vec::new())?;
        let acks = got
            .systems
            .iter()
            .filter(|(code, _)| *code == Some(SystemCode::SubscriptionAck));
        expect("acks", acks.count(), wanted.len())?;
        for (schema, rtype, symbol) in wanted {
            let (mut want, _) = from_file(&folder.join(format!("{schema}.dbn.zst")), UpgradeToV3)?;
            let id = got.symbols.inner().iter().find(|(_, name)| *name == symbol);
            let id = *id.ok_or(format!("{symbol} is not mapped"))?.0;
            want.retain(|record| instrument(record) == id);
            let mut data = got.data.clone();
            data.retain(|record| record[1] == rtype);
            records += same(&format!("{schema} of {symbol} {way:?}"), &data, &want)?;
        }
        let ours = |record: &Vec<u8>| wanted.iter().any(|(_, rtype, _)| record[1] == *rtype);
        expect("only what is subscribed", got.data.iter().all(ours), true)?;
    }
    println!(
        "  {} schemas and symbols in one session: {records} records equal",
        wanted.len()
    );
    Ok(())
}

/// What is said besides data: replay, snapshot, chunks, parents, unsubscribing, refusals,
/// reconnecting.
async fn conversation(program: &Path, folder: &Path) -> Result<()> {
    let (trades, _) = from_file(&folder.join("trades.dbn.zst"), UpgradeToV3)?;
    let (_sim, address) = gateway(program, &["--live-from", "2026-11-15T23:01:00"])?;
    let epoch = OffsetDateTime::UNIX_EPOCH;
    let replay = Subscription::builder()
        .symbols(Symbols::All)
        .schema(Schema::Trades)
        .start(epoch);
    let (got, _) = receive(&address, DATASET, vec![replay.build()], PLAIN).await?;
    same("replay", &got.data, &trades)?;
    let last = got.systems.last().cloned().unwrap_or_default();
    expect(
        "replay",
        last,
        (
            Some(SystemCode::ReplayCompleted),
            "Finished trades replay".into(),
        ),
    )?;

    let snapshot = Subscription::builder()
        .symbols("ESZ6")
        .schema(Schema::Mbo)
        .use_snapshot(true);
    let (got, _) = receive(&address, DATASET, vec![snapshot.build()], PLAIN).await?;
    let book = got
        .data
        .iter()
        .take_while(|record| record[36] & 32 != 0)
        .count();
    if book < 20 || got.data[0][38] != b'R' || got.data[book..].iter().any(|r| r[36] & 32 != 0) {
        return Err(format!("a snapshot of {book} records").into());
    }

    let many: Vec<_> = (0..1200)
        .map(|i| format!("X{i}"))
        .chain(["ESZ6".to_owned()])
        .collect();
    let many = Subscription::builder()
        .symbols(many)
        .schema(Schema::Trades)
        .id(77)
        .build();
    let (got, _) = receive(&address, DATASET, vec![many], PLAIN).await?;
    expect("symbols that do not resolve", got.errors.len(), 1200)?;
    let ack = "Subscription request 77 for trades data succeeded".to_owned();
    expect(
        "chunks",
        got.systems,
        vec![(Some(SystemCode::SubscriptionAck), ack)],
    )?;
    expect("chunks", got.data.is_empty(), false)?;

    let parents = vec![
        of(Schema::Trades, "NQ.FUT", SType::Parent),
        of(Schema::Trades, "CL.c.0", SType::Continuous),
    ];
    let (got, _) = receive(&address, DATASET, parents, PLAIN).await?;
    expect("parents", symbols(&got.symbols), names(["CLF7", "NQZ6"]))?;
    let unmapped = got
        .data
        .iter()
        .filter(|r| got.symbols.get(instrument(r)).is_none())
        .count();
    expect("records without a symbol", unmapped, 0)?;

    let both = Subscription::builder()
        .symbols(["ESZ6", "NQZ6"])
        .schema(Schema::Trades)
        .build();
    let mut client = connect(&address, DATASET, KEY, PLAIN).await?;
    client.subscribe(both).await?;
    let unsubscription = of(Schema::Trades, "NQZ6", SType::RawSymbol).to_unsubscription();
    client.unsubscribe(unsubscription).await?;
    let (got, _) = read(&mut client, PLAIN).await?;
    let codes: Vec<_> = got.systems.iter().filter_map(|(code, _)| *code).collect();
    let want = vec![SystemCode::SubscriptionAck, SystemCode::UnsubscribeAck];
    expect("answers to unsubscribing", codes, want)?;
    let one: BTreeSet<_> = got.data.iter().map(|record| instrument(record)).collect();
    expect("still subscribed", one, BTreeSet::from([4916]))?;

    let wrong: String = KEY.chars().rev().collect();
    for (key, dataset, reason) in [
        (&*wrong, DATASET, "Authentication failed."),
        (KEY, "XNAS.ITCH", "unknown dataset"),
    ] {
        match connect(&address, dataset, key, PLAIN).await {
            Err(error) if error.to_string().contains(reason) => {}
            other => return Err(format!("no refusal with {reason}: {:?}", other.err()).into()),
        }
    }

    let mut client = connect(&address, DATASET, KEY, PLAIN).await?;
    client
        .subscribe(of(Schema::Trades, "ESZ6", SType::RawSymbol))
        .await?;
    let (first, _) = read(&mut client, PLAIN).await?;
    client.reconnect().await?;
    client.resubscribe().await?;
    let (second, _) = read(&mut client, PLAIN).await?;
    if same("after reconnecting", &second.data, &first.data)? == 0 {
        return Err("nothing after reconnecting".into());
    }
    println!(
        "  replay, snapshot, chunks, parents, unsubscribing, refusals, reconnecting: as expected"
    );
    Ok(())
}

async fn compare() -> Result<()> {
    let (program, sample, real) = arguments()?;
    samples(&program, &sample).await?;
    several(&program, &sample).await?;
    conversation(&program, &sample).await?;
    match real {
        Some(folder) => fixtures(&program, &folder).await,
        None => Ok(()),
    }
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(compare())
}
