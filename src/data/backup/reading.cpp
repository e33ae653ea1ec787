#include "data/backup/reading.h"

#include "platform/crypto/crypto.h"

namespace mw::backup {
namespace {

constexpr std::size_t read_chunk = std::size_t{1} << 20;

}  // namespace

Result<Content> read_content(files::Files& files, const std::string& path,
                             const std::function<Result<>(ByteView)>& take) {
    TRY(auto file, files.open(path, files::Mode::read));
    crypto::Sha256 hash;
    Content content;
    for (Bytes buffer(read_chunk);;) {
        TRY(const auto got, file->read_at(content.bytes, buffer));
        if (got == 0) break;
        const auto part = ByteView(buffer).first(got);
        hash.update(part);
        if (take) TRY_VOID(take(part));
        content.bytes += got;
    }
    content.sha256 = to_hex(hash.finish());
    return content;
}

std::string fault_of(const Result<Content>& found, std::uint64_t bytes, const std::string& sha256) {
    if (!found && found.error().code == Errc::not_found) return "it is not there";
    if (!found) return "it can't be read: " + found.error().message;
    if (found->bytes != bytes)
        return "it has " + std::to_string(found->bytes) + " bytes instead of " +
               std::to_string(bytes);
    if (found->sha256 != sha256) return "its bytes changed since it was written";
    return {};
}

}  // namespace mw::backup
