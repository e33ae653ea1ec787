#include "trust/identity/key_index.h"

#include <cstring>

#include "base/json.h"

namespace mw::identity {
namespace {

constexpr std::size_t read_bytes = 1 << 20;
constexpr std::size_t line_bytes_max = 4096;

std::uint64_t first_word(const crypto::Sha256Digest& digest) {
    std::uint64_t word = 0;
    std::memcpy(&word, digest.data(), sizeof word);
    return word;
}

std::uint64_t word_of_name(std::string_view principal) {
    return first_word(crypto::sha256(bytes_of(principal)));
}

}  // namespace

Result<> KeyIndex::load(files::Files& files, const std::string& path, Timestamp since) {
    TRY(auto file, files.open(path, files::Mode::read));
    Bytes piece(read_bytes);
    std::string rest;
    for (std::uint64_t offset = 0;;) {
        TRY(const auto size, file->read_at(offset, piece));
        if (size == 0) return {};
        offset += size;
        rest += text_of(ByteView{piece}.first(size));
        std::size_t from = 0;
        for (std::size_t end = 0; (end = rest.find('\n', from)) != rest.npos; from = end + 1)
            take_line(std::string_view(rest).substr(from, end - from), since);
        rest.erase(0, from);
        if (rest.size() > line_bytes_max) rest.clear();
    }
}

void KeyIndex::take_line(std::string_view line, Timestamp since) {
    if (line.size() > line_bytes_max) return;
    const auto record = parse_json(line);
    if (!record) return;
    const auto end = parse_iso8601(find_string(*record, "not_after").value_or(""));
    if (!end || *end < since) return;
    if (const auto serial = crypto::serial_number_of(find_string(*record, "serial").value_or("")))
        add_serial(*serial);
    const auto key = from_hex(find_string(*record, "key").value_or(""));
    const auto profile = find_string(*record, "profile"), subject = find_string(*record, "subject");
    crypto::Sha256Digest digest{};
    if (!key || key->size() != digest.size() || !profile || !subject) return;
    std::copy(key->begin(), key->end(), digest.begin());
    add(digest, *profile + ":" + *subject);
}

void KeyIndex::add(const crypto::Sha256Digest& key, std::string_view principal) {
    owners_.try_emplace(first_word(key), word_of_name(principal));
}

namespace {

std::uint64_t word_of_serial(const crypto::SerialNumber& serial) {
    std::uint64_t word = 0;
    std::memcpy(&word, serial.bytes.data(), sizeof word);
    return word;
}

}  // namespace

void KeyIndex::add_serial(const crypto::SerialNumber& serial) {
    serials_.insert(word_of_serial(serial));
}

bool KeyIndex::has_issued(const crypto::SerialNumber& serial) const {
    return serials_.contains(word_of_serial(serial));
}

bool KeyIndex::is_of_another(const crypto::Sha256Digest& key, std::string_view principal) const {
    const auto at = owners_.find(first_word(key));
    return at != owners_.end() && at->second != word_of_name(principal);
}

}  // namespace mw::identity
