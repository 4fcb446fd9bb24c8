//! Assets: `{"XXBT": {"altname": "XBT", "decimals": 10, "status": "enabled", …}}`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Asset, Decoded, DefectKind, Payload};
use serde::Deserialize;

use super::envelope::open_records;
use super::symbols::known_asset;
use crate::wire::{Fields, Notes, Object, Raw};
use crate::{Reply, Verdict};

#[derive(Debug, Deserialize)]
struct AssetWire<'a> {
    #[serde(borrow, default)]
    altname: Raw<'a>,
    #[serde(borrow, default)]
    decimals: Raw<'a>,
    #[serde(borrow, default)]
    status: Raw<'a>,
}

pub(super) fn assets(reply: &Reply<'_>) -> Result<Decoded<Payload>, Verdict> {
    let records = open_records::<Object<AssetWire<'_>>>(reply)?;
    let mut notes = Notes::clean(());
    let mut assets = Vec::with_capacity(records.len());
    for (index, (id, wire)) in records.into_iter().enumerate() {
        let mut fields = Fields::new(&mut notes, Some(index));
        match wire {
            Ok(wire) => assets.push(asset(&id, &wire, &mut fields)),
            Err(raw) => {
                fields.not_a_record("asset", raw);
                fields.exclude();
            }
        }
    }
    Ok(notes.map(|()| Payload::Assets(assets)))
}

fn asset(id: &str, wire: &AssetWire<'_>, fields: &mut Fields<'_>) -> Asset {
    let altname = fields.need("altname", wire.altname, Raw::text);
    let altname = altname.as_deref().unwrap_or(id);
    let code = known_asset(id).or_else(|| known_asset(altname));
    let mut asset = Asset::new(code.unwrap_or(altname), id);
    asset.decimals = fields.need("decimals", wire.decimals, |raw| {
        u32::try_from(raw.count()?).map_err(|_| DefectKind::OutOfRange)
    });
    let status = fields.may("status", wire.status, Raw::text);
    asset.active = status.as_deref().map(|status| status == "enabled");
    asset.status = status.map(Box::from);
    asset
}
