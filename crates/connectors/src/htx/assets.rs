//! Currencies: `[{"currency": "btc", "instStatus": "normal", "chains": […]}, …]`. Digits are said for each chain, not for the currency.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Asset, Decoded, Payload};
use serde::Deserialize;

use super::envelope::{open, rows};
use super::symbols::asset_code;
use crate::wire::{Fields, Notes, Object, Raw};
use crate::{Reply, Verdict};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssetWire<'a> {
    #[serde(borrow, default)]
    currency: Raw<'a>,
    #[serde(borrow, default)]
    inst_status: Raw<'a>,
}

pub(super) fn assets(reply: &Reply<'_>) -> Result<Decoded<Payload>, Verdict> {
    let rows = rows(reply, open::<Vec<Object<AssetWire<'_>>>>(reply)?.payload)?;
    let mut notes = Notes::clean(());
    let mut assets = Vec::with_capacity(rows.len());
    rows.for_each(|index, row| {
        let mut fields = Fields::new(&mut notes, Some(index));
        let asset = match row {
            Ok(wire) => asset(&wire, &mut fields),
            Err(raw) => {
                fields.not_a_record("asset", raw);
                None
            }
        };
        match asset {
            Some(asset) => assets.push(asset),
            None => fields.exclude(),
        }
    });
    Ok(notes.map(|()| Payload::Assets(assets)))
}

fn asset(wire: &AssetWire<'_>, fields: &mut Fields<'_>) -> Option<Asset> {
    let id = fields.need("id", wire.currency, Raw::identifier);
    let status = fields.need("status", wire.inst_status, Raw::text);
    let id = id?;
    let mut asset = Asset::new(&asset_code(&id), &id);
    asset.active = status.as_deref().map(|status| status == "normal");
    asset.status = status.map(Box::from);
    Some(asset)
}
