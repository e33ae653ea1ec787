#include "trust/identity/revocation_book.h"

#include "base/json.h"
#include "base/log.h"
#include "trust/identity/pki_files.h"

namespace mw::identity {
namespace {

constexpr std::uint64_t book_bytes_max = std::uint64_t{1} << 30;

Result<std::string> word_of(const Json& line, const char* key) {
    if (auto text = find_string(line, key)) return *std::move(text);
    return Error{Errc::corrupt, std::string(key) + ": want text"};
}

Result<Timestamp> time_in(const Json& line, const char* key) {
    TRY(const auto text, word_of(line, key));
    return parse_iso8601(text).context(key);
}

}  // namespace

std::string to_line(const Revocation& r) {
    return to_json(JsonObject{{"time", to_iso8601(r.at)},
                              {"serial", r.serial},
                              {"reason", to_string(r.reason)},
                              {"subject", r.subject},
                              {"not_after", to_iso8601(r.not_after)},
                              {"key", r.key},
                              {"issuer", r.issuer},
                              {"actor", r.actor},
                              {"why", r.why}}) +
           "\n";
}

Result<Revocation> revocation_from_line(std::string_view line) {
    TRY(const Json json, parse_json(line));
    Revocation r;
    TRY(r.at, time_in(json, "time"));
    TRY(r.serial, word_of(json, "serial"));
    TRY_VOID(crypto::serial_number_of(r.serial));
    TRY(const auto reason, word_of(json, "reason"));
    TRY(r.reason, crypto::revocation_reason_from(reason));
    TRY(r.subject, word_of(json, "subject"));
    TRY(r.not_after, time_in(json, "not_after"));
    TRY(r.key, word_of(json, "key"));
    TRY(r.issuer, word_of(json, "issuer"));
    TRY(r.actor, word_of(json, "actor"));
    TRY(r.why, word_of(json, "why"));
    return r;
}

Result<std::unique_ptr<RevocationFile>> RevocationFile::open(files::Files& files, std::string path,
                                                             std::vector<Revocation>& found) {
    TRY(auto file, files.open(path, files::Mode::write, 0600));
    TRY_VOID(files.sync_directory(files::parent_of(path)));
    TRY(const Bytes bytes, files::read_all(files, path, book_bytes_max));
    const std::string_view text = text_of(bytes);
    std::size_t from = 0, number = 0;
    for (std::size_t end = 0; (end = text.find('\n', from)) != text.npos; from = end + 1) {
        ++number;
        auto line = revocation_from_line(text.substr(from, end - from));
        if (!line)
            return does_not_fit(path,
                                "line " + std::to_string(number) + ": " + line.error().message);
        found.push_back(*std::move(line));
    }
    if (from < text.size()) {
        log::warn("identity.revocations.cut", {{"file", path}, {"bytes", text.size() - from}});
        TRY_VOID(file->truncate(from));
        TRY_VOID(file->sync());
    }
    return std::unique_ptr<RevocationFile>(new RevocationFile(std::move(file)));
}

Result<> RevocationFile::write(std::span<const Revocation> revocations) {
    if (failed_)
        return Error{Errc::io_failed,
                     "revoked.jsonl could not be written before: mend the disk, restart the hub"};
    std::string lines;
    for (const Revocation& each : revocations) lines += to_line(each);
    TRY(const auto size, file_->size());
    auto written = file_->append(bytes_of(lines));
    if (written) written = file_->sync();
    if (written) return {};
    // What may have come to the disk is not acknowledged. If even this fails, a start may find it:
    // too many revoked is the safe side.
    ignore(file_->truncate(size), "the error is told anyway");
    failed_ = true;
    return std::move(written).error().context("write down what is revoked");
}

void RevocationBook::add(std::span<const Revocation> revocations) {
    for (const Revocation& each : revocations) {
        if (!by_serial_.try_emplace(each.serial, all_.size()).second) continue;
        if (each.reason == crypto::RevocationReason::key_compromise && !each.key.empty())
            compromised_.insert(each.key);
        all_.push_back(each);
    }
}

const Revocation* RevocationBook::find(std::string_view serial) const {
    const auto at = by_serial_.find(std::string(serial));
    return at == by_serial_.end() ? nullptr : &all_[at->second];
}

bool RevocationBook::is_compromised(const crypto::Sha256Digest& key) const {
    return !compromised_.empty() && compromised_.contains(to_hex(key));
}

}  // namespace mw::identity
