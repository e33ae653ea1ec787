#include "apps/ctl/backup_text.h"

#include <charconv>
#include <cstdio>

namespace mw::ctl {
namespace {

constexpr std::pair<char, double> byte_units[] = {{'k', 1e3}, {'M', 1e6}, {'G', 1e9}, {'T', 1e12}};

std::string counted(std::uint64_t n, const char* what) {
    return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::vector<const backup::LeftOut*> damaged_already(const backup::Manifest& manifest) {
    std::vector<const backup::LeftOut*> damaged;
    for (const auto& out : manifest.left_out)
        if (!out.secret) damaged.push_back(&out);
    return damaged;
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
    double number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
    if (unit.ends_with('B')) unit.remove_suffix(1);
    double factor = unit.empty() ? 1 : 0;
    for (const auto& [letter, value] : byte_units)
        if (unit.size() == 1 && unit[0] == letter) factor = value;
    if (code != std::errc() || factor == 0 || !(number >= 0) || number * factor > 9e18)
        return Error{Errc::invalid_input,
                     "'" + std::string(text.substr(0, 40)) + "': want bytes, as 500k, 20M or 1.5G"};
    return static_cast<std::uint64_t>(number * factor);
}

std::string short_bytes(std::uint64_t bytes) {
    if (bytes < 1000) return std::to_string(bytes) + " B";
    char text[32];
    for (const auto& [letter, value] : byte_units) {
        if (double(bytes) >= value * 1000 && letter != 'T') continue;
        std::snprintf(text, sizeof text, "%.1f %cB", double(bytes) / value, letter);
        break;
    }
    return text;
}

Table backups_table(const std::vector<backup::Manifest>& manifests) {
    Table table{{"BACKUP", "FILES", "BYTES", "FACTS", "KEYS", "VERSION", "LEFT OUT"}, {}};
    for (const auto& manifest : manifests)
        table.rows.push_back({manifest.name, std::to_string(manifest.files.size()),
                              short_bytes(manifest.bytes()), std::to_string(manifest.facts),
                              manifest.keys ? "yes" : "no", manifest.version,
                              std::to_string(damaged_already(manifest).size())});
    return table;
}

std::string manifest_text(const backup::Manifest& manifest, std::size_t width) {
    std::string text = "backup " + manifest.name + ", made by " + manifest.version + " between " +
                       to_iso8601(manifest.from) + " and " + to_iso8601(manifest.to) +
                       (manifest.keys ? "\n" : ", without keys\n") +
                       "audit log: " + counted(manifest.facts, "fact") + ", the last " +
                       manifest.last_fact + "\n";
    Table table{{"PART", "FILES", "BYTES"}, {}};
    for (int i = 0; i <= int(backup::Part::plain); ++i) {
        std::uint64_t files = 0, bytes = 0;
        for (const auto& file : manifest.files)
            if (file.part == backup::Part(i)) ++files, bytes += file.bytes;
        table.rows.push_back(
            {std::string(to_string(backup::Part(i))), std::to_string(files), short_bytes(bytes)});
    }
    text += render(table, width);
    if (manifest.left_out.empty()) return text;
    Table out{{"NOT IN IT", "WHY"}, {}};
    for (const auto& left : manifest.left_out) out.rows.push_back({left.path, left.why});
    return text + render(out, width);
}

std::string verdict_text(const std::vector<backup::Verified>& verified, std::size_t width) {
    std::string text;
    Table damaged{{"BACKUP", "DAMAGED", "WHY"}, {}};
    for (const auto& one : verified) {
        text += one.backup + ": " + counted(one.files, "file") + ", " + short_bytes(one.bytes) +
                (one.sound() ? ", as it was written"
                             : ", " + std::to_string(one.damaged.size()) + " damaged");
        if (!one.left_out.empty())
            text += "; " + counted(one.left_out.size(), "file") +
                    " of the hub were damaged already and are not in it";
        text += '\n';
        for (const auto& damage : one.damaged)
            damaged.rows.push_back({one.backup, damage.path, damage.why});
    }
    return damaged.rows.empty() ? text : text + render(damaged, width);
}

std::string progress_text(const backup::Progress& progress) {
    return short_bytes(progress.bytes_done) + " of " + short_bytes(progress.bytes) + ", " +
           std::to_string(progress.files_done) + " of " + counted(progress.files, "file");
}

Json manifest_json(const backup::Manifest& manifest, bool files) {
    JsonArray listed, left_out;
    for (const auto& file : manifest.files)
        listed.push_back(JsonObject{{"path", file.path},
                                    {"part", to_string(file.part)},
                                    {"bytes", file.bytes},
                                    {"sha256", file.sha256}});
    for (const auto& out : manifest.left_out)
        left_out.push_back(
            JsonObject{{"path", out.path}, {"why", out.why}, {"secret", out.secret}});
    JsonObject json{{"name", manifest.name},
                    {"version", manifest.version},
                    {"from", to_iso8601(manifest.from)},
                    {"to", to_iso8601(manifest.to)},
                    {"keys", manifest.keys},
                    {"facts", manifest.facts},
                    {"last_fact", manifest.last_fact},
                    {"bytes", manifest.bytes()},
                    {"file_count", manifest.files.size()},
                    {"left_out", std::move(left_out)}};
    if (files) json["files"] = std::move(listed);
    return json;
}

Json verdict_json(const std::vector<backup::Verified>& verified) {
    JsonArray all;
    bool sound = true;
    for (const auto& one : verified) {
        JsonArray damaged, left_out;
        for (const auto& damage : one.damaged)
            damaged.push_back(JsonObject{{"path", damage.path}, {"why", damage.why}});
        for (const auto& out : one.left_out)
            left_out.push_back(JsonObject{{"path", out.path}, {"why", out.why}});
        all.push_back(JsonObject{{"backup", one.backup},
                                 {"sound", one.sound()},
                                 {"files", one.files},
                                 {"bytes", one.bytes},
                                 {"damaged", std::move(damaged)},
                                 {"left_out", std::move(left_out)}});
        sound = sound && one.sound();
    }
    return JsonObject{{"sound", sound}, {"backups", std::move(all)}};
}

}  // namespace mw::ctl
