#pragma once
// Backups as people read them. Pure.

#include <string>
#include <vector>

#include "apps/ctl/table.h"
#include "data/backup/backup.h"

namespace mw::ctl {

// "20M", "1.5G", "500k" or a plain number of bytes.
Result<std::uint64_t> parse_bytes(std::string_view text);
std::string short_bytes(std::uint64_t bytes);  // "1.5 GB"

Table backups_table(const std::vector<backup::Manifest>& manifests);
// What is in one: by part, then what was left out.
std::string manifest_text(const backup::Manifest& manifest, std::size_t width);
std::string verdict_text(const std::vector<backup::Verified>& verified, std::size_t width);
std::string progress_text(const backup::Progress& progress);

Json manifest_json(const backup::Manifest& manifest, bool files);
Json verdict_json(const std::vector<backup::Verified>& verified);

}  // namespace mw::ctl
