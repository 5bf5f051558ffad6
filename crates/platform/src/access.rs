//! placeholder
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Operator,
    Merchant,
    Member,
    Service,
}
#[allow(missing_docs)]
#[derive(Debug, Clone)]
pub struct Principal {
    pub role: Role,
    pub owner_id: Option<i64>,
    pub id: String,
}
#[allow(missing_docs)]
impl Principal {
    pub fn local_operator() -> Self {
        Self { role: Role::Operator, owner_id: None, id: "local".into() }
    }
}
#[allow(missing_docs)]
pub struct AccessKeys;
#[allow(missing_docs)]
impl AccessKeys {
    pub fn find(&self, _k: &str) -> Option<Principal> {
        None
    }
}
