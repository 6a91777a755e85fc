//! The saving table, second part: editors in a terminal, with a person's keys.

use integration::saving::try_all;
use integration::tools::all;

#[test]
fn every_editor_saves_a_good_text_and_shows_why_a_bad_one_is_refused() {
    let mut tools = all();
    tools.retain(integration::tools::Tool::is_interactive);
    if let Ok(name) = std::env::var("TOOL") {
        tools.retain(|tool| tool.name.contains(&name));
    }
    try_all("How editors in a terminal save", &tools);
}
