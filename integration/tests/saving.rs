//! The saving table: every way of saving that needs no terminal, with a good text and with bad ones.

use integration::saving::try_all;
use integration::tools::all;

#[test]
fn every_tool_saves_a_good_text_and_no_bad_one() {
    let mut tools = all();
    tools.retain(|tool| !tool.is_interactive());
    // To look at one of them.
    if let Ok(name) = std::env::var("TOOL") {
        tools.retain(|tool| tool.name.contains(&name));
    }
    try_all("How programs save", &tools);
}
