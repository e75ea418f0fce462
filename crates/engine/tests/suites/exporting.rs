//! Exports: everything arrives in another database, and a file that is not whole is refused.

use ashore_engine::api::{
    Command, Durability, ErrorCode, Failure, FileBytes, IdRange, IndexField, IndexSpec, Passphrase, Reply, Write,
    WriteResult,
};
use ashore_engine::testing::{Network, indexes};

const PASSPHRASE: &str = "correct horse battery";

struct World {
    network: Network,
}

/// The chunks of a file, without their lengths; and its beginning.
struct File {
    head: Vec<u8>,
    chunks: Vec<Vec<u8>>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut network = Network::seeded(seed);
        network.add_device("alice");
        network.add_device("bob");
        Self { network }
    }

    fn call(&mut self, device: usize, command: Command) -> Result<Reply, Failure> {
        self.network.call(device, command)
    }

    fn declare(&mut self, device: usize, collection: &str, local: bool, local_fields: &[&str]) {
        let declare = Command::DeclareCollection {
            collection: collection.into(),
            local,
            local_fields: local_fields.iter().map(|field| (*field).to_owned()).collect(),
            sync_fields: None,
            sync_deletes: true,
        };
        self.call(device, declare).unwrap();
    }

    fn put(&mut self, device: usize, collection: &str, id: &str, document: &str, base: Option<String>) -> String {
        let put = Write::Put {
            collection: collection.into(),
            ids: vec![id.into()],
            documents: format!("[{document}]"),
            bases: vec![base],
        };
        let write = Command::Write { writes: vec![put], durability: Durability::Relaxed, split: false };
        let Reply::Written { results, .. } = self.call(device, write).unwrap() else { panic!("not written") };
        let WriteResult::Put { versions } = &results[0] else { panic!("not put") };
        versions[0].clone()
    }

    /// Documents with everything that documents can have.
    fn fill(&mut self) {
        self.declare(0, "diaries", false, &["secret"]);
        self.declare(0, "drafts", true, &[]);
        let field = IndexField { path: "title".into(), descending: false, weight: None };
        let index = |name: &str, text| IndexSpec {
            name: name.into(),
            fields: vec![field.clone()],
            unique: false,
            sparse: false,
            text,
        };
        let indexes = vec![index("by-title", None), index("words", Some(true))];
        self.call(0, Command::DeclareIndexes { collection: "notes".into(), indexes }).unwrap();
        for n in 0..60 {
            let collection = ["notes", "diaries", "drafts"][n % 3];
            let id = format!("n{n}");
            let first = format!(
                r#"{{"title":"t{n}","secret":"s{n}","at":{{"$ashore":["date",{n}]}},"likes":{{"$ashore":["counter",{n}]}},"body":{{"$ashore":["text","héllo {n}"]}}}}"#
            );
            let version = self.put(0, collection, &id, &first, None);
            if n % 2 == 0 {
                self.put(0, collection, &id, &first.replace("héllo", "bonjour"), Some(version));
            }
            if n % 10 == 9 {
                let delete = Write::Delete { collection: collection.into(), ids: vec![id] };
                let write = Command::Write { writes: vec![delete], durability: Durability::Relaxed, split: false };
                self.call(0, write).unwrap();
            }
        }
    }

    fn export(&mut self) -> File {
        let begin = Command::Export { passphrase: Some(Passphrase::new(PASSPHRASE)), after: None };
        let Reply::Exported { bytes, mut next, .. } = self.call(0, begin).unwrap() else { panic!("not exported") };
        let mut file = File { head: bytes.0, chunks: vec![] };
        while let Some(after) = next.take() {
            let command = Command::Export { passphrase: None, after: Some(after) };
            let Reply::Exported { bytes, next: more, .. } = self.call(0, command).unwrap() else { panic!("no part") };
            file.chunks.push(bytes.0[4..].to_vec());
            next = more;
        }
        file
    }

    fn begin_import(&mut self, head: &[u8], passphrase: &str) -> Result<String, Failure> {
        let begin = Command::Import {
            passphrase: Some(Passphrase::new(passphrase)),
            after: None,
            bytes: FileBytes(head.to_vec()),
            last: false,
            dry: false,
        };
        let Reply::Imported { taken, next, .. } = self.call(1, begin)? else { panic!("not begun") };
        assert_eq!(taken, head.len() as u64);
        Ok(next.unwrap())
    }

    fn take(&mut self, after: &str, chunk: &[u8], last: bool, dry: bool) -> Result<Option<String>, Failure> {
        let (after, bytes) = (Some(after.to_owned()), FileBytes(chunk.to_vec()));
        let reply = self.call(1, Command::Import { passphrase: None, after, bytes, last, dry })?;
        let Reply::Imported { next, .. } = reply else { panic!("{reply:?}") };
        Ok(next)
    }

    /// Takes all chunks that there are, as a page does.
    fn take_all(&mut self, begun: &str, chunks: &[Vec<u8>], dry: bool) -> Result<(), Failure> {
        let mut next = begun.to_owned();
        for (at, chunk) in chunks.iter().enumerate() {
            match self.take(&next, chunk, at + 1 == chunks.len(), dry)? {
                Some(after) => next = after,
                None => return Ok(()),
            }
        }
        panic!("the end was not found");
    }

    fn contents(&mut self, device: usize, collection: &str) -> Reply {
        let scan = Command::Scan { collection: collection.into(), range: IdRange::default() };
        match self.call(device, scan).unwrap() {
            Reply::Documents { ids, documents, tagged, corrupt, .. } => {
                Reply::Documents { ids, documents, versions: vec![], tagged, corrupt, more: false }
            }
            reply => panic!("{reply:?}"),
        }
    }
}

#[test]
fn everything_arrives_in_a_new_database_and_is_whole_there() {
    let mut world = World::new(1);
    world.fill();
    let file = world.export();
    let begun = world.begin_import(&file.head, PASSPHRASE).unwrap();
    world.take_all(&begun, &file.chunks, true).unwrap();
    assert!(world.network.devices[1].disk().with_prefix(b"v").next().is_none(), "nothing was written");
    world.take_all(&begun, &file.chunks, false).unwrap();
    for collection in ["notes", "diaries", "drafts"] {
        assert_eq!(world.contents(1, collection), world.contents(0, collection), "{collection}");
    }
    let history = |id: &str| Command::History { collection: "notes".into(), id: id.into(), before: None, limit: 10 };
    let changes = |reply| match reply {
        Reply::History { changes, .. } => changes.into_iter().map(|change| change.version).collect::<Vec<_>>(),
        reply => panic!("{reply:?}"),
    };
    for id in ["n0", "n3", "n9"] {
        let (here, there) = (world.call(0, history(id)).unwrap(), world.call(1, history(id)).unwrap());
        assert_eq!(changes(here), changes(there), "{id}");
    }
    let settled = |network: &Network| indexes::unfinished(network.devices[1].disk()) == 0;
    assert!(world.network.run_until(60_000, settled), "indexes are built");
    indexes::check(world.network.devices[1].disk()).unwrap();
    let reply = world.call(1, Command::Indexes { collection: "notes".into() }).unwrap();
    let Reply::Indexes { indexes } = reply else { panic!("{reply:?}") };
    assert_eq!(indexes.iter().map(|index| index.spec.name.as_str()).collect::<Vec<_>>(), ["by-title", "words"]);
    let mut after = None;
    loop {
        let Reply::Checked { findings, next, .. } = world.call(1, Command::Check { after }).unwrap() else { panic!() };
        assert_eq!(findings, []);
        after = next;
        if after.is_none() {
            break;
        }
    }
    world.put(1, "diaries", "n1", r#"{"title":"later"}"#, None);
}

#[test]
fn a_file_that_was_changed_cut_or_put_in_another_order_is_refused() {
    let mut world = World::new(2);
    world.fill();
    let file = world.export();
    let begun = world.begin_import(&file.head, PASSPHRASE).unwrap();
    assert!(file.chunks.len() >= 3);
    for chunk in 0..file.chunks.len() {
        let mut next = begun.clone();
        for before in &file.chunks[..chunk] {
            next = world.take(&next, before, false, true).unwrap().unwrap();
        }
        let (whole, last) = (&file.chunks[chunk], chunk + 1 == file.chunks.len());
        for at in (0..whole.len()).step_by(whole.len() / 40 + 1) {
            let mut changed = whole.clone();
            changed[at] ^= 0x40;
            let refused = world.take(&next, &changed, last, true).unwrap_err();
            assert_eq!(refused.code, ErrorCode::ExportDamaged);
            let refused = world.take(&next, &whole[..at], last, true).unwrap_err();
            assert_eq!(refused.code, ErrorCode::ExportDamaged);
        }
        if !last {
            let refused = world.take(&next, whole, true, true).unwrap_err();
            assert_eq!(refused.code, ErrorCode::ExportTruncated, "nothing follows it");
            let refused = world.take(&next, &file.chunks[chunk + 1], chunk + 2 == file.chunks.len(), true).unwrap_err();
            assert_eq!(refused.code, ErrorCode::ExportDamaged, "one was left out");
        }
    }
    let other = world.export();
    let mut mixed = file.chunks.clone();
    mixed[1] = other.chunks[1].clone();
    let refused = world.take_all(&begun, &mixed, true).unwrap_err();
    assert_eq!(refused.code, ErrorCode::ExportDamaged, "a part of another export");
    assert!(world.network.devices[1].disk().with_prefix(b"v").next().is_none());
}

#[test]
fn a_wrong_passphrase_and_a_weak_one_are_refused_and_nothing_else_is_said() {
    let mut world = World::new(3);
    let weak = Command::Export { passphrase: Some(Passphrase::new("milk")), after: None };
    assert_eq!(world.call(0, weak).unwrap_err().code, ErrorCode::ExportWeakPassphrase);
    let file = world.export();
    let refused = world.begin_import(&file.head, "correct horse batterz").unwrap_err();
    assert_eq!(refused.code, ErrorCode::ExportWrongPassphrase);
    let refused = world.begin_import(b"PK\x03\x04 something else", PASSPHRASE).unwrap_err();
    assert_eq!(refused.code, ErrorCode::ExportForeign);
    let mut newer = file.head.clone();
    newer[14] = 2;
    assert_eq!(world.begin_import(&newer, PASSPHRASE).unwrap_err().code, ErrorCode::ExportNewerFormat);
    assert_eq!(world.begin_import(&file.head[..40], PASSPHRASE).unwrap_err().code, ErrorCode::ExportTruncated);
}

#[test]
fn only_an_empty_database_takes_an_export_and_an_import_that_did_not_end_is_ended_first() {
    let mut world = World::new(4);
    world.fill();
    let file = world.export();
    let begun = world.begin_import(&file.head, PASSPHRASE).unwrap();
    let next = world.take(&begun, &file.chunks[0], false, false).unwrap().unwrap();
    world.take(&next, &file.chunks[1], false, false).unwrap();
    world.network.crash(1, false);
    world.network.open(1);
    let get = || Command::Get { collection: "notes".into(), ids: vec!["n0".into()] };
    assert_eq!(world.call(1, get()).unwrap_err().code, ErrorCode::ImportUnfinished);
    let other = world.export();
    assert_eq!(world.begin_import(&other.head, PASSPHRASE).unwrap_err().code, ErrorCode::ImportNotEmpty);
    let begun = world.begin_import(&file.head, PASSPHRASE).unwrap();
    world.take_all(&begun, &file.chunks, false).unwrap();
    assert_eq!(world.contents(1, "notes"), world.contents(0, "notes"));
    assert!(world.network.run_until(60_000, |network| indexes::unfinished(network.devices[1].disk()) == 0));
    indexes::check(world.network.devices[1].disk()).unwrap();
    assert_eq!(world.begin_import(&file.head, PASSPHRASE).unwrap_err().code, ErrorCode::ImportNotEmpty);
}
