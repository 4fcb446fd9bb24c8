//! Limits that change at run time.

use super::Windows;
use crate::log::Nanos;
use crate::{Kind, Rate, Window, WindowError};

impl Windows {
    /// Changes a limit from `now` on; of a smooth window burst and rate in proportion.
    ///
    /// # Errors
    ///
    /// When there is no such window, or it is smooth and cannot be that small.
    pub(crate) fn set_limit(
        &mut self,
        now: Nanos,
        index: usize,
        limit: u32,
    ) -> Result<(), WindowError> {
        let lane = self
            .lanes
            .get_mut(index)
            .ok_or(WindowError::NoSuchWindow { window: index })?;
        lane.window = lane.given.scaled(limit)?;
        lane.reshape(now, &self.shares, self.clock);
        Ok(())
    }

    /// Changes limit, rate and burst of a smooth window from `now` on.
    ///
    /// # Errors
    ///
    /// When there is no such window, it is not smooth, or would exceed its limit.
    pub(crate) fn set_rate(
        &mut self,
        now: Nanos,
        index: usize,
        limit: u32,
        (rate, burst): (Rate, u32),
    ) -> Result<(), WindowError> {
        let lane = self
            .lanes
            .get_mut(index)
            .ok_or(WindowError::NoSuchWindow { window: index })?;
        if !matches!(lane.window.kind, Kind::Gcra { .. }) {
            return Err(WindowError::NotSmooth { window: index });
        }
        let window = Window {
            limit,
            kind: Kind::Gcra { rate, burst },
            ..lane.window.clone()
        };
        window.allows(limit)?;
        (lane.given, lane.window) = (window.clone(), window);
        lane.reshape(now, &self.shares, self.clock);
        Ok(())
    }
}
