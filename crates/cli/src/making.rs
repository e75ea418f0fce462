//! `init`: a database of its own.

use crate::args::{Encrypt, Making, Place};
use crate::exit::{Exit, Problem};
use crate::lines::Lines;
use crate::session::{Manner, keys, with_new_database};
use ashore_native::api::Protection;
use ashore_native::{ErrorCode, Failure};
use serde_json::json;

/// Makes the database; one that is there stays as it is, and must be protected in the same way.
pub(crate) async fn init(place: &Place, making: &Making) -> Result<Exit, Problem> {
    let path = place.path()?;
    let created = !path.exists();
    with_new_database(place, making, Manner::READS, async |database| {
        let keys = keys(database).await?;
        if keys.protection != wanted(making.encrypt) && making.encrypt != Encrypt::None {
            let message = "the database is there already and protected in another way";
            return Err(Failure::new(ErrorCode::KeyMismatch, message).into());
        }
        let said = json!({ "name": place.name, "file": path, "created": created, "protection": keys.protection });
        Lines::new().say(&said)?;
        Ok(Exit::Done)
    })
    .await
}

fn wanted(encrypt: Encrypt) -> Protection {
    match encrypt {
        Encrypt::None => Protection::None,
        Encrypt::Device => Protection::Platform,
        Encrypt::Passphrase => Protection::Passphrase,
    }
}
