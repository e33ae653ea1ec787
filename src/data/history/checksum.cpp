#include "data/history/checksum.h"

#include <vector>

#include "base/crc32c.h"

namespace mw::history {

Result<std::uint32_t> checksum_of(files::Files& files, const std::string& path,
                                  std::stop_token stop) {
    TRY(auto file, files.open(path, files::Mode::read));
    std::vector<std::uint8_t> piece(std::size_t{1} << 20);
    std::uint32_t crc = 0;
    for (std::uint64_t at = 0;;) {
        if (stop.stop_requested()) return Error{Errc::cancelled, "stopped while reading " + path};
        TRY(const std::size_t size, file->read_at(at, piece));
        if (size == 0) return crc;
        crc = crc32c(ByteView(piece).first(size), crc);
        at += size;
    }
}

}  // namespace mw::history
