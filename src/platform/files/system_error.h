#pragma once
// errno as an Error: what was tried, on what, and why not. Inside platform/files only.

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mw::files {

inline Errc code_of_errno(int number) {
    switch (number) {
        case ENOENT:
        case ENOTDIR:
            return Errc::not_found;
        case EEXIST:
            return Errc::conflict;
        case EACCES:
        case EPERM:
        case EROFS:
            return Errc::denied;
        case ENOSPC:
        case EDQUOT:
            return Errc::overloaded;
        case EINVAL:
        case EISDIR:
        case ENAMETOOLONG:
            return Errc::invalid_input;
        default:
            return Errc::io_failed;
    }
}

// Reads errno.
inline Error system_error(std::string_view tried, std::string_view path) {
    int number = errno;
    std::string message(tried);
    message.append(" ").append(path).append(": ").append(std::strerror(number));
    return {code_of_errno(number), std::move(message)};
}

}  // namespace mw::files
