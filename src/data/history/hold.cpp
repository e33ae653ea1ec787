#include "data/history/hold.h"

#include "data/history/catalog_turn.h"
#include "data/history/state.h"

namespace mw::history {

// While nobody else changes the catalog, it says what files_ says, and of the log at most those
// frames are dropped that it knows to be in files.
Task<HistoryHold> History::State::hold() {
    auto waiting = take_catalog_turn();
    auto limited = within(options_.hold_patience, std::move(waiting));
    auto turn = co_await std::move(limited);
    if (!turn && turn.error().code == Errc::timed_out)
        co_return Error{Errc::overloaded,
                        "the catalog of history waits for its disk" +
                            (seal_failure_ ? ": " + seal_failure_->message : std::string()) +
                            ". Next step: see that it has space and is well"};
    if (!turn) co_return std::move(turn).error();
    auto look = [&files = parts_.files, directory = options_.directory,
                 known = files_]() -> Result<HistoryHold> {
        HistoryHold hold;
        TRY(hold.catalog, files::open_log_pieces(files, files::join(directory, "catalog")));
        TRY(hold.log, files::open_log_pieces(files, files::join(directory, "log")));
        hold.files = known;
        return hold;
    };
    CO_TRY(auto held, co_await compaction_workers_.run(std::move(look)));
    co_return std::move(held);
}

}  // namespace mw::history
