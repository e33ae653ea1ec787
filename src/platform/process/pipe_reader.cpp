#include "platform/process/pipe_reader.h"

#include <fcntl.h>

#include <cerrno>

namespace mw::process {

Result<> PipeReader::start(Descriptor from) {
    from_ = std::move(from);
    ::fcntl(from_.fd, F_SETFL, O_NONBLOCK);
    TRY_VOID(loop_.watch(from_.fd, EPOLLIN, *this));
    watched_ = true;
    return {};
}

void PipeReader::on_ready(std::uint32_t) { static_cast<void>(read_piece()); }

bool PipeReader::read_piece() {
    char piece[4096];
    const ssize_t got = ::read(from_.fd, piece, sizeof piece);
    if (got < 0 && errno == EINTR) return true;
    if (got < 0 && errno == EAGAIN) return false;
    if (got > 0) {
        on_bytes_(std::string_view(piece, static_cast<std::size_t>(got)));
        return true;
    }
    stop();
    on_bytes_({});
    return false;
}

void PipeReader::finish() {
    while (watched_ && read_piece()) {
    }
    if (!watched_) return;
    stop();
    on_bytes_({});
}

void PipeReader::stop() {
    if (std::exchange(watched_, false)) loop_.unwatch(from_.fd, *this);
    from_.close();
}

}  // namespace mw::process
