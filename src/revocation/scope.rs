//! Which certificates a CRL covers: its issuing distribution point against the certificate's
//! distribution points (RFC 5280 sections 4.2.1.13, 5.2.5 and 6.3.3 (b)).
//!
//! Tests: `tests/revocation.rs`, and `tests/differential` with sets of CRLs.

use super::extension::{Span, extension};
use crate::cert::der::{self, Malformed, Reader};
use crate::cert::{Cert, same_name};

/// The reasons for a revocation (RFC 5280 section 4.2.1.13, ReasonFlags), one bit each.
pub(super) const ALL_REASONS: u16 = 0x807f;

/// An issuing distribution point.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// The DistributionPointName.
    point: Option<Span>,
    only_users: bool,
    only_cas: bool,
    only_attributes: bool,
    some_reasons: bool,
}

impl Scope {
    /// The scope, and whether the CRL is indirect.
    pub(super) fn read(der: &[u8], value: &[u8]) -> Result<(Self, bool), Malformed> {
        const WHAT: &str = "issuingDistributionPoint";
        let mut fields = Reader::new(der::sequence(value, WHAT)?);
        let mut out = Self::default();
        if let Some(point) = fields.optional(der::context(0), WHAT)? {
            out.point = Some(Span::of(der, point));
        }
        let mut next = |number| match fields.optional(der::context_primitive(number), WHAT)? {
            None => Ok(None),
            Some(value) => Ok(Some(value)),
        };
        let is_set =
            |value: Option<&[u8]>| value.map_or(Ok(false), |value| der::boolean(value, WHAT));
        out.only_users = is_set(next(1)?)?;
        out.only_cas = is_set(next(2)?)?;
        out.some_reasons = next(3)?.is_some();
        let indirect = is_set(next(4)?)?;
        out.only_attributes = is_set(next(5)?)?;
        fields.end(WHAT)?;
        Ok((out, indirect))
    }

    /// RFC 5280 section 5.2.5: at most one of the three.
    pub(super) fn is_contradictory(&self) -> bool {
        [self.only_users, self.only_cas, self.only_attributes].iter().filter(|set| **set).count()
            > 1
    }
}

/// The reasons for which a CRL, given with its issuer's name, says whether the certificate is
/// revoked; 0 if it does not cover the certificate.
pub(super) fn reasons_covered(
    (crl, issuer): (&[u8], &[u8]),
    scope: Option<&Scope>,
    cert: &Cert<'_>,
) -> u16 {
    if let Some(scope) = scope {
        let left_out = if cert.is_ca() { scope.only_users } else { scope.only_cas };
        // A part of the reasons never adds up to all: OpenSSL reads such a CRL only with
        // X509_V_FLAG_EXTENDED_CRL_SUPPORT.
        if left_out || scope.only_attributes || scope.some_reasons {
            return 0;
        }
    }
    let point = scope.and_then(|scope| scope.point).map(|point| point.of_der(crl));
    match points(cert) {
        Err(Malformed(_)) => return 0,
        Ok(points) => {
            let matching = points.iter().find(|candidate| {
                let issued_here = candidate.crl_issuer.is_none_or(|names| {
                    der::elements(names).any(|name| {
                        name.tag == DIRECTORY_NAME && directory_name_is(name.value, issuer)
                    })
                });
                issued_here && points_match(candidate.name, point)
            });
            if let Some(matching) = matching {
                return matching.reasons;
            }
        }
    }
    if point.is_none() { ALL_REASONS } else { 0 }
}

/// A DistributionPoint of a certificate.
struct Point<'a> {
    name: Option<&'a [u8]>,
    reasons: u16,
    crl_issuer: Option<&'a [u8]>,
}

/// cRLDistributionPoints (RFC 5280 section 4.2.1.13).
fn points<'a>(cert: &Cert<'a>) -> Result<Vec<Point<'a>>, Malformed> {
    const WHAT: &str = "cRLDistributionPoints";
    let Some(value) = extension(cert, &[0x55, 0x1d, 31])? else { return Ok(Vec::new()) };
    let mut list = Reader::new(der::sequence(value, WHAT)?);
    let mut out = Vec::new();
    while !list.is_empty() {
        let mut fields = Reader::new(list.expect(der::SEQUENCE, WHAT)?);
        let name = fields.optional(der::context(0), WHAT)?;
        let reasons = match fields.optional(der::context_primitive(1), WHAT)? {
            None | Some([] | [_]) => ALL_REASONS,
            Some([_, first]) => u16::from(*first) & ALL_REASONS,
            Some([_, first, second, ..]) => {
                (u16::from(*first) | u16::from(*second) << 8) & ALL_REASONS
            }
        };
        let crl_issuer = fields.optional(der::context(2), WHAT)?;
        fields.end(WHAT)?;
        out.push(Point { name, reasons, crl_issuer });
    }
    Ok(out)
}

const DIRECTORY_NAME: u8 = der::context(4);

/// Whether two DistributionPointNames have a name in common; one that is absent leaves it open.
fn points_match(of_cert: Option<&[u8]>, of_crl: Option<&[u8]>) -> bool {
    let (Some(of_cert), Some(of_crl)) = (of_cert, of_crl) else { return true };
    let (Some(a), Some(b)) = (Reader::new(of_cert).next(), Reader::new(of_crl).next()) else {
        return false;
    };
    match (a.tag, b.tag) {
        (FULL_NAME, FULL_NAME) => der::elements(a.value).any(|one| {
            der::elements(b.value).any(|other| {
                one.tag == other.tag
                    && (one.value == other.value
                        || one.tag == DIRECTORY_NAME
                            && name_of(other.value)
                                .is_some_and(|name| directory_name_is(one.value, name)))
            })
        }),
        // Relative to the same issuer's name. One relative and one full: no CA is known to write it.
        (RELATIVE_NAME, RELATIVE_NAME) => a.value == b.value,
        _ => false,
    }
}

const FULL_NAME: u8 = der::context(0);
const RELATIVE_NAME: u8 = der::context(1);

/// The contents of the Name in a directoryName.
fn name_of(directory_name: &[u8]) -> Option<&[u8]> {
    Reader::new(directory_name).expect(der::SEQUENCE, "directoryName").ok()
}

fn directory_name_is(directory_name: &[u8], name: &[u8]) -> bool {
    name_of(directory_name).is_some_and(|found| same_name(found, name))
}
