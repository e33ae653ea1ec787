#include "apps/hub/secret_file.h"

#include <filesystem>

namespace mw::hub {
namespace {

constexpr std::size_t secret_bytes_max = 4'096;

}  // namespace

bool others_may_read(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code failed;
    const fs::perms permissions = fs::status(path, failed).permissions();
    const fs::perms others = fs::perms::group_all | fs::perms::others_all;
    return !failed && permissions != fs::perms::unknown &&
           (permissions & others) != fs::perms::none;
}

Result<std::string> read_secret(files::Files& files, const std::string& path) {
    if (others_may_read(path))
        return Error{Errc::denied, path + ": others may read this secret; chmod 600 " + path};
    TRY(const Bytes bytes, files::read_all(files, path, secret_bytes_max));
    std::string secret(text_of(bytes));
    while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
    return secret;
}

}  // namespace mw::hub
