#include "data/history/verify.h"

#include "data/history/checksum.h"
#include "data/history/state.h"

namespace mw::history {
namespace {

// Nothing: it is as it was written.
Result<std::string> fault_of(files::Files& files, const SegmentFile& file, std::stop_token stop) {
    const auto size = files.size(file.path);
    if (!size) return size.error().message;
    if (!*size) return std::string("it is not there");
    if (**size != file.bytes)
        return "it has " + std::to_string(**size) + " bytes instead of " +
               std::to_string(file.bytes);
    if (!file.checksum) return std::string();
    const auto crc = checksum_of(files, file.path, std::move(stop));
    if (!crc && crc.error().code == Errc::cancelled) return crc.error();
    if (!crc) return crc.error().message;
    if (*crc != *file.checksum) return std::string("its bytes changed since it was written");
    return std::string();
}

}  // namespace

Result<VerifyReport> verify_files(files::Files& files, std::vector<SegmentFile> known,
                                  std::stop_token stop) {
    VerifyReport report;
    for (auto& file : known) {
        ++report.files;
        report.bytes += file.bytes;
        report.unchecked += !file.checksum;
        TRY(auto why, fault_of(files, file, stop));
        if (!why.empty()) report.damaged.push_back({std::move(file), std::move(why)});
    }
    return report;
}

// The copies hold their files: what is replaced meanwhile is unlinked later.
Task<VerifyReport> History::State::verify() {
    auto look = [&files = parts_.files, known = files_](std::stop_token stop) {
        return verify_files(files, known, std::move(stop));
    };
    CO_TRY(auto report, co_await compaction_workers_.run(std::move(look)));
    for (auto& damaged : report.damaged) damaged.file.path = path_in_catalog(damaged.file);
    report.log = report_.damage;
    report.missing = report_.missing;
    co_return std::move(report);
}

}  // namespace mw::history
