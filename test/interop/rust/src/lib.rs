//! What both comparisons need: the simulator's process, a file's records, and a look at how
//! two lists differ.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use databento::dbn::decode::{DbnMetadata, DecodeRecordRef, DynDecoder};
use databento::dbn::{Metadata, Schema, VersionUpgradePolicy};

pub const KEY: &str = "db-simSIMsimSIMsimSIMsimSIMsim00";
pub const DATASET: &str = "GLBX.MDP3";

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A dbn-sim process; it ends when this is dropped.
pub struct Simulator {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Simulator {
    pub fn start<I: AsRef<std::ffi::OsStr>>(program: &Path, args: &[I]) -> Result<Self> {
        let mut process = Command::new(program)
            .arg("--quiet")
            .args(args)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(process.stdout.take().unwrap());
        Ok(Self { process, output })
    }

    /// What stands behind `prefix` in the next line, which says that it is ready.
    pub fn ready(&mut self, prefix: &str) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let rest = line.trim_end().strip_prefix(prefix);
        Ok(rest
            .ok_or(format!("dbn-sim is not ready: {line:?}"))?
            .to_owned())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A file's records and metadata, as the dbn crate reads them.
pub fn from_file(path: &Path, policy: VersionUpgradePolicy) -> Result<(Vec<Vec<u8>>, Metadata)> {
    let mut decoder = DynDecoder::from_file(path, policy)?;
    let mut records = Vec::new();
    while let Some(record) = decoder.decode_record_ref()? {
        records.push(record.as_ref().to_vec());
    }
    Ok((records, decoder.metadata().clone()))
}

/// The DBN files of a folder by name; without fragments, which have no metadata.
pub fn dbn_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.contains(".dbn") && !name.contains(".frag") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(format!("{}: no DBN files", folder.display()).into());
    }
    Ok(paths)
}

/// The instrument in the header of a record of DBN versions 1 to 3.
pub fn instrument(record: &[u8]) -> u32 {
    u32::from_le_bytes(record[4..8].try_into().unwrap())
}

/// Fails, saying where, unless the records are equal byte for byte; gives their number.
pub fn same(name: &str, got: &[Vec<u8>], want: &[Vec<u8>]) -> Result<usize> {
    if got == want {
        return Ok(got.len());
    }
    let first = (0..).find(|&i| got.get(i) != want.get(i)).unwrap();
    Err(format!(
        "{name}: {} records, want {}; the first difference is at {first}:\n  {:02x?}\n  {:02x?}",
        got.len(),
        want.len(),
        got.get(first),
        want.get(first)
    )
    .into())
}

/// Fails unless both are equal.
pub fn expect<T: PartialEq + std::fmt::Debug>(name: &str, got: T, want: T) -> Result<()> {
    if got == want {
        return Ok(());
    }
    Err(format!("{name}: {got:?}, want {want:?}").into())
}

/// A set of strings, for comparing names whose order is free.
pub fn names<I: IntoIterator<Item = S>, S: ToString>(list: I) -> BTreeSet<String> {
    list.into_iter().map(|name| name.to_string()).collect()
}

/// The program, the folder of sample data, and the folder of real files when there is one.
pub fn arguments() -> Result<(PathBuf, PathBuf, Option<PathBuf>)> {
    let args: Vec<_> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [program, sample, fixtures @ ..] = args.as_slice() else {
        return Err("usage: DBN_SIM SAMPLE_DIR [FIXTURE_DIR]".into());
    };
    let fixtures = fixtures.first().filter(|folder| folder.is_dir()).cloned();
    if fixtures.is_none() {
        println!("  real files: skipped, set DBN_TESTDATA to a folder of DBN files");
    }
    Ok((program.clone(), sample.clone(), fixtures))
}

/// The file's schema, by its name in the sample data.
pub fn sample_schema(path: &Path) -> Result<Schema> {
    let name = path.file_name().unwrap().to_string_lossy();
    Ok(name.trim_end_matches(".dbn.zst").parse()?)
}
