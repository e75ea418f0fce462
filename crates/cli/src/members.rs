//! `devices` and `invite`: who is in the group, and who comes into it.

use crate::args::{DevicesAsked, InviteAsked, Place};
use crate::exit::{Exit, Problem};
use crate::lines::Lines;
use crate::sync::enable;
use ashore_native::api::{Device, Event};
use ashore_native::{Database, ErrorCode, Failure, InviteOptions};
use futures_util::StreamExt;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A line for each member, as they are then.
pub(crate) async fn devices(database: &Database, asked: &DevicesAsked) -> Result<Exit, Problem> {
    let sync = database.sync();
    let members = sync.devices().await?;
    let members = match (&asked.remove, asked.role.as_deref(), &asked.rename) {
        (Some(device), ..) => sync.remove_device(&named(&members, device)?.id).await?,
        (_, Some([device, role]), _) => sync.change_role(&named(&members, device)?.id, role).await?,
        (.., Some(name)) => sync.rename_device(name).await?,
        _ => members,
    };
    let mut lines = Lines::new();
    for member in members {
        lines.gather(&member)?;
    }
    lines.flush()?;
    Ok(Exit::Done)
}

/// The one member that this means: by its id, the beginning of it, or a name that only one has.
fn named<'a>(members: &'a [Device], text: &str) -> Result<&'a Device, Problem> {
    let fits = |member: &&Device| member.id.starts_with(text) || member.name == text;
    let mut found = members.iter().filter(fits);
    match (found.next().filter(|_| !text.is_empty()), found.next()) {
        (Some(member), None) => Ok(member),
        (Some(_), Some(_)) => Err(Problem::usage(format!("several members are called `{text}`: say more of the id"))),
        (None, _) => Err(Problem::usage(format!("no member is called `{text}`"))),
    }
}

/// Says the code, then who joins, until nobody can any more by this invite.
pub(crate) async fn invite(database: &Database, place: &Place, asked: &InviteAsked) -> Result<Exit, Problem> {
    enable(database, place, asked.device_name.as_deref()).await?;
    let sync = database.sync();
    // Whoever has joined before is known then.
    sync.now().await?;
    let mut events = database.events();
    let mut known: BTreeSet<String> = sync.devices().await?.into_iter().map(|device| device.id).collect();
    let options = InviteOptions {
        role: asked.role.word().into(),
        uses: asked.uses,
        ttl: Duration::from_secs(asked.ttl),
        link_base: asked.link_base.clone(),
    };
    let invite = sync.create_invite_with(options).await?;
    let mut lines = Lines::new();
    lines.say(&json!({
        "shortCode": invite.short_code,
        "link": invite.link,
        "expiresAt": invite.expires_at,
        "id": invite.id,
        "role": asked.role.word(),
        "uses": asked.uses,
    }))?;
    if asked.no_wait {
        return Ok(Exit::Done);
    }
    place.note("waiting for who joins; Ctrl-C ends this, and the code stays open");
    let open_for = Duration::from_millis(invite.expires_at.saturating_sub(now_ms()));
    let waiting = async {
        while let Some(event) = events.next().await {
            let Event::Membership { devices } = event else { continue };
            for device in devices {
                if known.insert(device.id.clone()) {
                    lines.say(&json!({ "joined": device }))?;
                }
            }
            if !sync.invites().await?.iter().any(|known| known.id == invite.id && known.open) {
                break;
            }
        }
        Ok(Exit::Done)
    };
    match tokio::time::timeout(open_for, waiting).await {
        Ok(done) => done,
        Err(_) => {
            Err(Failure::new(ErrorCode::RequestTimedOut, "the invite has expired, and not everybody has joined").into())
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::named;
    use ashore_native::api::Device;

    #[test]
    fn a_member_is_meant_by_its_id_the_beginning_of_it_or_a_name_of_its_own() {
        let member = |id: &str, name: &str| Device {
            id: id.into(),
            name: name.into(),
            role: "admin".into(),
            me: false,
            admitted_at: None,
            last_heard_at: None,
        };
        let members = [member("abc", "Kitchen"), member("abd", "Laptop"), member("xyz", "Laptop")];
        assert_eq!(named(&members, "abc").unwrap().id, "abc");
        assert_eq!(named(&members, "x").unwrap().id, "xyz");
        assert_eq!(named(&members, "Kitchen").unwrap().id, "abc");
        for unclear in ["ab", "Laptop", "", "nobody"] {
            assert_eq!(named(&members, unclear).unwrap_err().code(), "cli.usage", "{unclear}");
        }
    }
}
