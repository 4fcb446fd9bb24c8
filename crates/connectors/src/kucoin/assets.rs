//! Currencies: `[{"currency": "BTC", "precision": 8, "chains": […]}, …]`. Whether it can be moved is said for each chain, not for the currency.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Asset, Decoded, DefectKind, Payload};
use serde::Deserialize;

use super::envelope::open_rows;
use super::symbols::asset_code;
use crate::wire::{Fields, Notes, Object, Raw};
use crate::{Reply, Verdict};

#[derive(Debug, Deserialize)]
struct AssetWire<'a> {
    #[serde(borrow, default)]
    currency: Raw<'a>,
    #[serde(borrow, default)]
    precision: Raw<'a>,
}

pub(super) fn assets(reply: &Reply<'_>) -> Result<Decoded<Payload>, Verdict> {
    let rows = open_rows::<Object<AssetWire<'_>>>(reply, None)?;
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
    let decimals = fields.need("decimals", wire.precision, |raw| {
        u32::try_from(raw.count()?).map_err(|_| DefectKind::OutOfRange)
    });
    let id = id?;
    let mut asset = Asset::new(asset_code(&id), &id);
    asset.decimals = decimals;
    Some(asset)
}
