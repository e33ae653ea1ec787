#include "device/updates/journal.h"

#include "device/updates/update_table.h"

namespace mw::updates {
namespace {

constexpr std::string_view format = "millwright-update";
constexpr int version = 1;
constexpr std::string_view ending = ".json";
constexpr std::uint64_t journal_bytes_max = 1 << 20;

std::string journal_folder(const std::string& directory, Kind kind) {
    return files::join(directory, kind == Kind::model ? "updates/models" : "updates/firmware");
}

Errc code_of(std::string_view text) {
    for (const Errc code :
         {Errc::invalid_input, Errc::not_found, Errc::conflict, Errc::denied, Errc::timed_out,
          Errc::cancelled, Errc::overloaded, Errc::io_failed, Errc::corrupt})
        if (to_string(code) == text) return code;
    return Errc::io_failed;
}

std::string text_of_journal(const Journal& journal) {
    JsonObject root{{"format", format},
                    {"version", version},
                    {"kind", to_string(journal.kind)},
                    {"name", journal.name},
                    {"state", journal.state},
                    {"counter_highest", journal.counter_highest},
                    {"counter_sha256", journal.counter_sha256},
                    {"starts", journal.starts},
                    {"memory", journal.memory}};
    if (journal.target) root["target"] = json_of(*journal.target);
    if (journal.committed) root["committed"] = json_of(*journal.committed);
    if (journal.failed)
        root["failed"] = {{"what", json_of(journal.failed->what)},
                          {"code", to_string(journal.failed->code)},
                          {"reason", journal.failed->reason}};
    return to_pretty_json(root) + "\n";
}

Result<std::optional<Artifact>> artifact_at(const Json& root, std::string_view key) {
    const Json* part = find(root, key);
    if (!part) return std::optional<Artifact>{};
    TRY(Artifact artifact, artifact_from_json(*part));
    return std::optional<Artifact>{std::move(artifact)};
}

Result<Journal> parse(std::string_view text) {
    TRY(const Json root, parse_json(text));
    if (find_string(root, "format") != format || find_integer(root, "version") != version)
        return Error{Errc::corrupt, "it is no update journal of version 1"};
    Journal journal;
    journal.kind =
        find_string(root, "kind") == to_string(Kind::firmware) ? Kind::firmware : Kind::model;
    journal.name = find_string(root, "name").value_or("");
    journal.state = find_string(root, "state").value_or("");
    if (!update_table().knows(journal.state))
        return Error{Errc::corrupt, "it has the unknown state '" + journal.state + "'"};
    journal.counter_highest =
        static_cast<std::uint64_t>(find_integer(root, "counter_highest").value_or(0));
    journal.counter_sha256 = find_string(root, "counter_sha256").value_or("");
    journal.starts = static_cast<unsigned>(find_integer(root, "starts").value_or(0));
    if (const Json* memory = find(root, "memory")) journal.memory = *memory;
    TRY(journal.target, artifact_at(root, "target"));
    TRY(journal.committed, artifact_at(root, "committed"));
    const bool rests =
        journal.state == "steady" || journal.state == "refused" || journal.state == "reverted";
    if (!rests && !journal.target)
        return Error{Errc::corrupt, "it is " + journal.state + " and names no target"};
    TRY(auto what, artifact_at(root, "failed.what"));
    if (what)
        journal.failed =
            Failed{*std::move(what), code_of(find_string(root, "failed.code").value_or("")),
                   find_string(root, "failed.reason").value_or("")};
    return journal;
}

}  // namespace

std::string journal_path(const std::string& directory, Kind kind, std::string_view name) {
    return files::join(journal_folder(directory, kind), std::string(name) + std::string(ending));
}

Result<> save(files::Files& files, const std::string& directory, const Journal& journal) {
    TRY_VOID(files.make_directories(journal_folder(directory, journal.kind)));
    const std::string text = text_of_journal(journal);
    return files::atomic_replace(files, journal_path(directory, journal.kind, journal.name),
                                 bytes_of(text));
}

Result<Journal> load(files::Files& files, const std::string& directory, Kind kind,
                     std::string_view name) {
    const std::string path = journal_path(directory, kind, name);
    Journal journal;
    journal.kind = kind;
    journal.name = std::string(name);
    TRY(const auto size, files.size(path));
    if (!size) return journal;
    TRY(const Bytes bytes, files::read_all(files, path, journal_bytes_max));
    auto parsed = parse(text_of(bytes));
    if (parsed && parsed->kind == kind && parsed->name == name) return parsed;
    return Error{
        Errc::corrupt,
        "'" + path + "': " + (parsed ? "it belongs to another artifact" : parsed.error().message)};
}

Result<std::vector<std::string>> journals(files::Files& files, const std::string& directory,
                                          Kind kind) {
    std::vector<std::string> names;
    auto entries = files.list(journal_folder(directory, kind));
    if (!entries && entries.error().code == Errc::not_found) return names;
    if (!entries) return std::move(entries).error();
    for (const auto& entry : *entries)
        if (!entry.directory && entry.name.ends_with(ending))
            names.push_back(entry.name.substr(0, entry.name.size() - ending.size()));
    return names;
}

}  // namespace mw::updates
