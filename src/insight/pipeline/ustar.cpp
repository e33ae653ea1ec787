#include "insight/pipeline/ustar.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace mw::pipeline {
namespace {

constexpr std::size_t block = 512;

struct Header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
    char link[100], magic[6], version[2], owner[32], group[32], major[8], minor[8];
    char prefix[155], padding[12];
};
static_assert(sizeof(Header) == block);

std::size_t padded(std::size_t size) { return (size + block - 1) / block * block; }

// With the checksum field itself read as spaces.
unsigned checksum_of(const Header& header) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
    constexpr std::size_t from = offsetof(Header, checksum), to = offsetof(Header, type);
    unsigned sum = 0;
    for (std::size_t i = 0; i < block; ++i) sum += i >= from && i < to ? ' ' : bytes[i];
    return sum;
}

// The field's first `digits` bytes; the one after them stays zero.
void put_octal(char* field, int digits, std::size_t value) {
    for (int i = digits - 1; i >= 0; --i, value /= 8) field[i] = static_cast<char>('0' + value % 8);
}

// Octal digits, then zero bytes or spaces. -1: something else.
std::int64_t octal(const char* field, std::size_t width) {
    std::int64_t value = 0;
    std::size_t i = 0;
    for (; i < width && field[i] >= '0' && field[i] <= '7'; ++i) value = value * 8 + field[i] - '0';
    if (i == 0) return -1;
    for (; i < width; ++i)
        if (field[i] != '\0' && field[i] != ' ') return -1;
    return value;
}

Header header_of(const TarFile& file) {
    Header header;
    std::memset(&header, 0, sizeof header);
    std::memcpy(header.name, file.name.data(), std::min<std::size_t>(file.name.size(), 99));
    put_octal(header.mode, 7, 0644);
    put_octal(header.uid, 7, 0);
    put_octal(header.gid, 7, 0);
    put_octal(header.size, 11, file.content.size());
    put_octal(header.mtime, 11, 0);
    header.type = '0';
    std::memcpy(header.magic, "ustar", 6);
    std::memcpy(header.version, "00", 2);
    put_octal(header.major, 7, 0);
    put_octal(header.minor, 7, 0);
    put_octal(header.checksum, 6, checksum_of(header));
    header.checksum[7] = ' ';
    return header;
}

}  // namespace

Bytes write_tar(const std::vector<TarFile>& files) {
    std::size_t total = 2 * block;
    for (const TarFile& file : files) total += block + padded(file.content.size());
    Bytes tar(total);
    std::size_t at = 0;
    for (const TarFile& file : files) {
        const Header header = header_of(file);
        std::memcpy(&tar[at], &header, block);
        std::copy(file.content.begin(), file.content.end(), tar.begin() + at + block);
        at += block + padded(file.content.size());
    }
    return tar;
}

Result<std::vector<TarFile>> read_tar(ByteView tar, std::size_t files_max) {
    std::vector<TarFile> files;
    const auto bad = [](std::size_t at, const char* why) {
        return Error{Errc::invalid_input, "tar at offset " + std::to_string(at) + ": " + why};
    };
    for (std::size_t at = 0;;) {
        if (tar.size() - at < block) return bad(at, "it ends without two zero blocks");
        if (std::all_of(tar.begin() + at, tar.begin() + at + block, [](auto b) { return b == 0; }))
            return files;
        Header header;
        std::memcpy(&header, tar.data() + at, block);
        if (std::memcmp(header.magic, "ustar", 6) != 0) return bad(at, "not a ustar header");
        if (octal(header.checksum, sizeof header.checksum) != checksum_of(header))
            return bad(at, "wrong header checksum");
        if (header.type != '0') return bad(at, "only regular files are allowed");
        const std::int64_t size = octal(header.size, sizeof header.size);
        const std::size_t left = tar.size() - at - block;
        if (size < 0 || static_cast<std::uint64_t>(size) > left ||
            padded(static_cast<std::size_t>(size)) > left)
            return bad(at, "the file is larger than the archive");
        if (files.size() == files_max) return bad(at, "there are more files than allowed");
        const char* name = reinterpret_cast<const char*>(tar.data() + at);
        files.push_back({std::string_view(name, strnlen(name, sizeof header.name)),
                         tar.subspan(at + block, static_cast<std::size_t>(size))});
        at += block + padded(static_cast<std::size_t>(size));
    }
}

}  // namespace mw::pipeline
