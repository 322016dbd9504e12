//! Compares what the official Rust client gets from dbn-sim's historical API with the files
//! served.
//!
//! Usage: historical DBN_SIM SAMPLE_DIR [FIXTURE_DIR]
//!
//! The client is used as it is, over HTTPS: the CA that dbn-sim makes is trusted through
//! SSL_CERT_FILE. Every sample schema and every DBN file of FIXTURE_DIR is fetched with
//! timeseries.get_range; each record must equal, bit for bit, what the dbn crate reads from
//! the file.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use databento::dbn::decode::DbnMetadata;
use databento::dbn::{Encoding, Metadata, Schema, VersionUpgradePolicy};
use databento::historical::batch::{DownloadParams, JobState, ListJobsParams, SubmitJobParams};
use databento::historical::metadata::{
    DatasetCondition, FeedMode, GetDatasetConditionParams, GetQueryParams, ListFieldsParams,
};
use databento::historical::symbology::ResolveParams;
use databento::historical::timeseries::GetRangeParams;
use databento::historical::DateTimeRange;
use databento::{HistoricalClient, Symbols};
use dbnloop_interop::*;
use time::macros::date;

use VersionUpgradePolicy::{AsIs, UpgradeToV3};

/// A dbn-sim process with the historical API, the folder with its CA, and its URL.
struct Api {
    _sim: Simulator,
    folder: PathBuf,
    url: String,
}

impl Api {
    fn start(program: &Path, file: Option<&Path>) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("dbnloop-interop-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let ca = folder.join("ca.pem");
        let mut args = vec![
            "--hist-port".as_ref(),
            "0".as_ref(),
            "--ca-out".as_ref(),
            ca.as_os_str(),
        ];
        args.extend(file.map(Path::as_os_str));
        let mut sim = Simulator::start(program, &args)?;
        sim.ready("listening on ")?;
        let url = sim.ready("historical on ")?;
        expect("HTTPS", url.starts_with("https://"), true)?;
        std::env::set_var("SSL_CERT_FILE", &ca);
        Ok(Self {
            _sim: sim,
            folder,
            url,
        })
    }

    fn client(&self, key: &str, policy: VersionUpgradePolicy) -> Result<HistoricalClient> {
        let builder = HistoricalClient::builder()
            .key(key)?
            .base_url(self.url.parse()?);
        Ok(builder.upgrade_policy(policy).build()?)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn whole_range(client: &mut HistoricalClient, dataset: &str) -> Result<DateTimeRange> {
    Ok(client.metadata().get_dataset_range(dataset).await?.into())
}

async fn range(
    client: &mut HistoricalClient,
    params: &GetRangeParams,
) -> Result<(Vec<Vec<u8>>, Metadata)> {
    let mut decoder = client.timeseries().get_range(params).await?;
    let mut records = Vec::new();
    while let Some(record) = decoder.decode_record_ref().await? {
        records.push(record.as_ref().to_vec());
    }
    Ok((records, decoder.metadata().clone()))
}

/// Each schema whole, through a file, in part, limited; counted.
async fn samples(api: &Api, folder: &Path) -> Result<()> {
    let client = &mut api.client(KEY, UpgradeToV3)?;
    let day = whole_range(client, DATASET).await?;
    let (mut ranges, mut records) = (0, 0);
    for path in dbn_files(folder)? {
        let schema = sample_schema(&path)?;
        let query = |symbols: Symbols, limit: Option<u64>| {
            let params = GetRangeParams::builder()
                .dataset(DATASET)
                .schema(schema)
                .symbols(symbols);
            params
                .date_time_range(day.clone())
                .maybe_limit(limit.and_then(NonZeroU64::new))
                .build()
        };
        let (want, _) = from_file(&path, UpgradeToV3)?;
        let whole = query(Symbols::All, None);
        records += same(&format!("{schema}"), &range(client, &whole).await?.0, &want)?;

        let copy = api.folder.join("copy.dbn.zst");
        client
            .timeseries()
            .get_range_to_file(&whole.with_path(&copy))
            .await?;
        records += same(
            &format!("{schema} to a file"),
            &from_file(&copy, UpgradeToV3)?.0,
            &want,
        )?;

        let (one, metadata) = range(client, &query("ESZ6".into(), Some(5))).await?;
        let of_one = want
            .iter()
            .filter(|record| instrument(record) == 4916)
            .take(5)
            .cloned();
        records += same(&format!("{schema} ESZ6"), &one, &of_one.collect::<Vec<_>>())?;
        expect("symbols", &metadata.symbols, &vec!["ESZ6".to_owned()])?;
        let map = metadata.symbol_map_for_date(date!(2026 - 11 - 15))?;
        expect("mapping", map.get(4916).map(String::as_str), Some("ESZ6"))?;

        let params = GetQueryParams::builder().dataset(DATASET).schema(schema);
        let params = params
            .symbols(Symbols::All)
            .date_time_range(day.clone())
            .build();
        let bytes = want.iter().map(Vec::len).sum::<usize>();
        let mut metadata = client.metadata();
        expect(
            "count",
            metadata.get_record_count(&params).await?,
            want.len() as u64,
        )?;
        expect(
            "size",
            metadata.get_billable_size(&params).await?,
            bytes as u64,
        )?;
        let cost = metadata.get_cost(&params).await?;
        expect("cost", 0.0 < cost && cost < 1.0, true)?;
        ranges += 3;
    }
    println!("  sample data: {ranges} ranges, {records} records equal");
    Ok(())
}

async fn metadata(api: &Api) -> Result<()> {
    let client = &mut api.client(KEY, UpgradeToV3)?;
    let mut metadata = client.metadata();
    let publishers = metadata.list_publishers().await?;
    expect(
        "publisher",
        (publishers[0].publisher_id, &*publishers[0].dataset),
        (1, DATASET),
    )?;
    expect(
        "datasets",
        metadata.list_datasets(None).await?,
        vec![DATASET.to_owned()],
    )?;
    let later = date!(2026 - 12 - 01)..date!(2026 - 12 - 02);
    expect(
        "no datasets",
        metadata.list_datasets(Some(later.into())).await?,
        vec![],
    )?;
    let schemas = metadata.list_schemas(DATASET).await?;
    expect("schemas", schemas.contains(&Schema::Trades), true)?;
    let fields = ListFieldsParams::builder()
        .encoding(Encoding::Dbn)
        .schema(Schema::Trades);
    let fields = metadata.list_fields(&fields.build()).await?;
    expect(
        "field",
        (&*fields[0].name, &*fields[0].type_name),
        ("length", "uint8_t"),
    )?;
    let prices = metadata.list_unit_prices(DATASET).await?;
    let modes: Vec<_> = prices.iter().map(|price| price.mode).collect();
    expect(
        "modes",
        modes,
        vec![
            FeedMode::Historical,
            FeedMode::HistoricalStreaming,
            FeedMode::Live,
        ],
    )?;
    let days = GetDatasetConditionParams::builder().dataset(DATASET);
    let days = days
        .date_range(date!(2026 - 11 - 15)..=date!(2026 - 11 - 15))
        .build();
    let conditions = metadata.get_dataset_condition(&days).await?;
    let first = (conditions[0].date, conditions[0].condition);
    expect(
        "condition",
        first,
        (date!(2026 - 11 - 15), DatasetCondition::Available),
    )?;
    let available = metadata.get_dataset_range(DATASET).await?;
    expect(
        "end",
        available.range_by_schema[&Schema::Mbo].end.date(),
        date!(2026 - 11 - 16),
    )?;

    let query = ResolveParams::builder()
        .dataset(DATASET)
        .symbols(["ESZ6", "NONE"]);
    let query = query.date_range(date!(2026 - 11 - 15)).build();
    let resolved = client.symbology().resolve(&query).await?;
    expect("not found", &resolved.not_found, &vec!["NONE".to_owned()])?;
    let interval = &resolved.mappings["ESZ6"][0];
    expect(
        "interval",
        interval.start_date..interval.end_date,
        date!(2026 - 11 - 15)..date!(2026 - 11 - 16),
    )?;
    expect("resolved", &*interval.symbol, "4916")?;
    println!("  metadata and symbology: all calls as expected");
    Ok(())
}

async fn batch(api: &Api, folder: &Path) -> Result<()> {
    let client = &mut api.client(KEY, UpgradeToV3)?;
    let day = whole_range(client, DATASET).await?;
    let order = SubmitJobParams::builder()
        .dataset(DATASET)
        .symbols(Symbols::All);
    let order = order.schema(Schema::Mbo).date_time_range(day).build();
    let job = client.batch().submit_job(&order).await?;
    let jobs = client.batch().list_jobs(&ListJobsParams::default()).await?;
    expect(
        "jobs",
        jobs.iter().map(|j| &*j.id).collect(),
        vec![&*job.id],
    )?;
    expect(
        "state",
        client.batch().get_job_details(&job.id).await?.state,
        JobState::Done,
    )?;
    let files = client.batch().list_files(&job.id).await?;
    let data = files
        .iter()
        .find(|file| file.filename.contains(".dbn"))
        .ok_or("no DBN file")?;

    let (want, _) = from_file(&folder.join("mbo.dbn.zst"), UpgradeToV3)?;
    let download = DownloadParams::builder()
        .job_id(&job.id)
        .output_dir(&api.folder)
        .build();
    let paths = client.batch().download(&download).await?;
    let got = names(
        paths
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy()),
    );
    expect("files", got, names(files.iter().map(|file| &file.filename)))?;
    let path = api.folder.join(&job.id).join(&data.filename);
    let mut records = same("batch", &from_file(&path, UpgradeToV3)?.0, &want)?;

    let content = std::fs::read(&path)?;
    std::fs::write(&path, &content[..1000])?; // as if it had been interrupted
    client.batch().download(&download).await?;
    expect("resumed", std::fs::read(&path)? == content, true)?;
    records += want.len();
    println!("  batch: submitted, listed, downloaded, resumed: {records} records equal");
    Ok(())
}

/// Errors as the client words them.
async fn refusals(api: &Api) -> Result<()> {
    let client = &mut api.client(KEY, UpgradeToV3)?;
    let day = || DateTimeRange::from(date!(2026 - 11 - 15));
    let early = DateTimeRange::from(date!(2020 - 01 - 01)..date!(2026 - 11 - 16));
    let many: Vec<_> = (0..2001).map(|i| format!("X{i}")).collect();
    for (case, dataset, symbols, range) in [
        (
            "data_start_before_available_start",
            DATASET,
            Symbols::All,
            early,
        ),
        ("dataset_not_found", "XNAS.ITCH", Symbols::All, day()),
        ("symbology_invalid_request", DATASET, "NONE".into(), day()),
        ("symbology_too_many_symbols", DATASET, many.into(), day()),
    ] {
        let params = GetRangeParams::builder().dataset(dataset).symbols(symbols);
        let params = params.schema(Schema::Trades).date_time_range(range).build();
        match client.timeseries().get_range(&params).await.err() {
            Some(databento::Error::Api(error)) => {
                expect(case, error.case.as_deref(), Some(case))?;
                expect(case, error.status_code.as_u16(), 422)?;
                expect(case, error.request_id.is_some(), true)?;
            }
            other => return Err(format!("no refusal {case}: {other:?}").into()),
        }
    }
    let wrong: String = KEY.chars().rev().collect();
    match api
        .client(&wrong, UpgradeToV3)?
        .metadata()
        .list_datasets(None)
        .await
    {
        Err(databento::Error::Api(error)) => expect("key", error.status_code.as_u16(), 401)?,
        other => return Err(format!("a wrong key is accepted: {other:?}").into()),
    }
    println!("  refusals: as expected");
    Ok(())
}

async fn fixtures(program: &Path, folder: &Path) -> Result<()> {
    let (mut ranges, mut records) = (0, 0);
    for path in dbn_files(folder)? {
        let api = Api::start(program, Some(&path))?;
        for policy in [AsIs, UpgradeToV3] {
            let (want, own) = from_file(&path, policy)?;
            if want.is_empty() {
                continue; // the range of no records is empty
            }
            let client = &mut api.client(KEY, policy)?;
            let available = whole_range(client, &own.dataset).await?;
            let symbols = (!own.mappings.is_empty()).then(|| Symbols::Symbols(own.symbols.clone()));
            for symbols in symbols.into_iter().chain([Symbols::All]) {
                let params = GetRangeParams::builder()
                    .dataset(&own.dataset)
                    .symbols(symbols);
                let params = params.schema(own.schema.ok_or("a file of no schema")?);
                let params = params.date_time_range(available.clone()).build();
                let (got, sent) = range(client, &params).await?;
                let name = format!("{} {policy:?}", path.display());
                records += same(&name, &got, &want)?;
                expect(&name, sent.version, own.version)?;
                ranges += 1;
            }
        }
    }
    println!("  real files: {ranges} ranges, {records} records equal");
    Ok(())
}

async fn compare() -> Result<()> {
    let (program, sample, real) = arguments()?;
    let api = Api::start(&program, None)?;
    samples(&api, &sample).await?;
    metadata(&api).await?;
    batch(&api, &sample).await?;
    refusals(&api).await?;
    drop(api);
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
