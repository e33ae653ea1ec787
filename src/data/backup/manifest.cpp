#include "data/backup/manifest.h"

#include <algorithm>

#include "base/json.h"
#include "platform/crypto/crypto.h"

namespace mw::backup {
namespace {

constexpr std::string_view magic = "millwright-backup 1 ";
constexpr std::string_view part_names[] = {"registry", "log", "segment", "blob", "plain"};

std::string hash_text(std::string_view text) { return to_hex(crypto::sha256(bytes_of(text))); }

Error no_manifest(const std::string& why) {
    return {Errc::corrupt, "the manifest is damaged: " + why};
}

std::string octal(unsigned mode) {
    std::string digits;
    for (; mode > 0 || digits.empty(); mode /= 8) digits.insert(0, 1, char('0' + mode % 8));
    return digits;
}

Result<unsigned> mode_from(std::string_view digits) {
    unsigned mode = 0;
    for (char c : digits) {
        if (c < '0' || c > '7' || mode > 0777) return no_manifest("a file's mode is none");
        mode = mode * 8 + unsigned(c - '0');
    }
    return mode & 0777;
}

Json to_json(const FileEntry& file) {
    JsonObject line{{"path", file.path},
                    {"part", to_string(file.part)},
                    {"bytes", file.bytes},
                    {"sha256", file.sha256},
                    {"mode", octal(file.mode)}};
    if (file.crc32c) line["crc32c"] = *file.crc32c;
    return line;
}

Result<std::uint64_t> count_at(const Json& json, std::string_view key) {
    const auto number = find_integer(json, key);
    if (!number || *number < 0) return no_manifest("no number at " + std::string(key));
    return static_cast<std::uint64_t>(*number);
}

Result<FileEntry> file_from(const Json& json) {
    FileEntry file;
    TRY(file.path, want_string(json, "path"));
    TRY(const auto part, want_string(json, "part"));
    TRY(file.bytes, count_at(json, "bytes"));
    TRY(file.sha256, want_string(json, "sha256"));
    TRY(const auto mode, want_string(json, "mode"));
    TRY(file.mode, mode_from(mode));
    const auto* known = std::find(std::begin(part_names), std::end(part_names), part);
    if (known == std::end(part_names)) return no_manifest("there is no part " + part);
    file.part = static_cast<Part>(known - std::begin(part_names));
    if (!is_inside(file.path)) return no_manifest("a path leads out of the data directory");
    if (!is_sha256(file.sha256)) return no_manifest("the hash of " + file.path + " is none");
    if (const auto crc = find_integer(json, "crc32c"))
        file.crc32c = static_cast<std::uint32_t>(*crc);
    return file;
}

Result<> read_head(const Json& json, Manifest& manifest) {
    TRY(manifest.name, want_string(json, "name"));
    TRY(manifest.version, want_string(json, "version"));
    TRY(const auto from, want_string(json, "from"));
    TRY(manifest.from, parse_iso8601(from));
    TRY(const auto to, want_string(json, "to"));
    TRY(manifest.to, parse_iso8601(to));
    manifest.keys = find_bool(json, "keys").value_or(true);
    TRY(manifest.facts, count_at(json, "facts"));
    TRY(manifest.last_fact, want_string(json, "last_fact"));
    if (!is_name(manifest.name)) return no_manifest("its name is none");
    return {};
}

Result<> read_line(std::string_view line, Manifest& manifest) {
    TRY(const Json json, parse_json(line));
    if (manifest.name.empty()) return read_head(json, manifest);
    if (const auto path = find_string(json, "left_out")) {
        manifest.left_out.push_back({*path, find_string(json, "why").value_or(""),
                                     find_bool(json, "secret").value_or(false)});
        return {};
    }
    TRY(auto file, file_from(json));
    manifest.files.push_back(std::move(file));
    return {};
}

bool all_of_set(std::string_view text, std::string_view more) {
    return std::all_of(text.begin(), text.end(), [more](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
               more.find(c) != std::string_view::npos;
    });
}

}  // namespace

std::string_view to_string(Part part) { return part_names[static_cast<std::size_t>(part)]; }

std::uint64_t Manifest::bytes() const {
    std::uint64_t sum = 0;
    for (const auto& file : files) sum += file.bytes;
    return sum;
}

std::string encode(const Manifest& manifest) {
    std::string body = mw::to_json(JsonObject{{"name", manifest.name},
                                              {"version", manifest.version},
                                              {"from", to_iso8601(manifest.from)},
                                              {"to", to_iso8601(manifest.to)},
                                              {"keys", manifest.keys},
                                              {"facts", manifest.facts},
                                              {"last_fact", manifest.last_fact}});
    body += '\n';
    for (const auto& file : manifest.files) body += mw::to_json(to_json(file)) + '\n';
    for (const auto& out : manifest.left_out)
        body += mw::to_json(
                    JsonObject{{"left_out", out.path}, {"why", out.why}, {"secret", out.secret}}) +
                '\n';
    return std::string(magic) + hash_text(body) + '\n' + body;
}

Result<Manifest> decode(std::string_view text) {
    const auto end = text.find('\n');
    const auto head = text.substr(0, end);
    if (end == std::string_view::npos || !head.starts_with("millwright-backup "))
        return no_manifest("it does not begin as one");
    const auto body = text.substr(end + 1);
    const bool ours = head.starts_with(magic);
    if (!ours && head.ends_with(hash_text(body)))
        return Error{Errc::invalid_input,
                     "it was made by a newer program. Next step: use that one, or a newer one"};
    if (!ours || head.substr(magic.size()) != hash_text(body))
        return no_manifest("it is not what its hash says");
    Manifest manifest;
    for (std::size_t at = 0; at < body.size();) {
        const auto stop = std::min(body.find('\n', at), body.size());
        TRY_VOID(read_line(body.substr(at, stop - at), manifest));
        at = stop + 1;
    }
    if (manifest.name.empty()) return no_manifest("it is empty");
    return manifest;
}

std::string name_at(Timestamp time) {
    std::string text = to_iso8601({time.ns - time.ns % 1'000'000'000});
    std::replace(text.begin(), text.end(), ':', '-');
    return text;
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 64 && all_of_set(text, "TZ-");
}

bool is_sha256(std::string_view text) { return text.size() == 64 && all_of_set(text, ""); }

bool is_inside(std::string_view path) {
    if (path.empty() || path.find('\0') != std::string_view::npos) return false;
    for (std::size_t at = 0; at <= path.size();) {
        const auto stop = std::min(path.find('/', at), path.size());
        const auto step = path.substr(at, stop - at);
        if (step.empty() || step == "." || step == "..") return false;
        at = stop + 1;
    }
    return true;
}

}  // namespace mw::backup
