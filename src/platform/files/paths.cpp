#include "platform/files/files.h"

namespace mw::files {

std::string parent_of(std::string_view path) {
    while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    auto slash = path.rfind('/');
    if (slash == std::string_view::npos) return ".";
    while (slash > 1 && path[slash - 1] == '/') --slash;
    return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

std::string name_of(std::string_view path) {
    while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    auto slash = path.rfind('/');
    return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string join(std::string_view directory, std::string_view name) {
    std::string path(directory);
    if (!path.empty() && path.back() != '/') path += '/';
    return path.append(name);
}

Result<Bytes> read_all(Files& files, std::string path, std::uint64_t max_bytes) {
    TRY(auto file, files.open(path, Mode::read));
    TRY(auto size, file->size());
    if (size > max_bytes)
        return Error{Errc::overloaded, "read " + path + ": " + std::to_string(size) +
                                           " bytes, more than " + std::to_string(max_bytes)};
    Bytes bytes(size);
    TRY(auto got, file->read_at(0, bytes));
    bytes.resize(got);
    return bytes;
}

Result<> atomic_replace(Files& files, std::string path, ByteView bytes, unsigned permissions) {
    auto fresh = path + ".tmp";
    // A leftover may have other permissions.
    ignore(files.remove(fresh), "usually there is none");
    {
        TRY(auto file, files.open(fresh, Mode::create_new, permissions));
        TRY_VOID(file->append(bytes));
        TRY_VOID(file->sync());
    }
    TRY_VOID(files.rename(fresh, path));
    return files.sync_directory(parent_of(path));
}

}  // namespace mw::files
