//! Whose logs the read models follow: my page at once, the dashboard in larger pieces.

use std::sync::Arc;

use platform::error::Result;

use super::App;

impl App {
    /// Whose logs the dashboard follows.
    pub(super) fn follow_for_dashboard(&self) -> Result<()> {
        let (dashboards, purchases) = (&self.dashboards, &self.purchases);
        self.glance_at(dashboards.follow_members(Arc::clone(&self.members.log)))?;
        self.glance_at(dashboards.follow_point(Arc::clone(&self.points.log)))?;
        self.glance_at(dashboards.follow_donations(Arc::clone(&self.donations.log)))?;
        self.glance_at(dashboards.follow_deals(Arc::clone(&self.deals.log)))?;
        self.glance_at(dashboards.follow_settlement(Arc::clone(&self.settlements.log)))?;
        self.glance_at(dashboards.follow_coupons(Arc::clone(&self.coupons.log)))?;
        self.glance_at(dashboards.follow_carts(Arc::clone(&purchases.carts.log)))?;
        self.glance_at(dashboards.follow_memberships(Arc::clone(&purchases.memberships.log)))?;
        self.glance_at(dashboards.follow_payments(Arc::clone(&purchases.payments.log)))?;
        self.glance_at(dashboards.follow_gifticons(Arc::clone(&purchases.gifticons.log)))
    }

    /// Whose logs my page follows where purchases are concerned.
    pub(super) fn follow_purchases_for_pages(&self) -> Result<()> {
        let (pages, purchases) = (&self.pages, &self.purchases);
        self.follow(pages.follow_carts(Arc::clone(&purchases.carts.log)))?;
        self.follow(pages.follow_memberships(Arc::clone(&purchases.memberships.log)))?;
        self.follow(pages.follow_payments(Arc::clone(&purchases.payments.log)))
    }
}
