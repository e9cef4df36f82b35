//! The verifier of Apple systems: the calls, and what their answers mean. The second is compiled
//! and tested on every system.

mod codes;
mod profile;
mod rules;
#[cfg(target_vendor = "apple")]
mod sectrust;

#[cfg(target_vendor = "apple")]
pub(crate) use sectrust::Engine;
