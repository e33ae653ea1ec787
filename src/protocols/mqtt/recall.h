#pragma once
// Inside the module: reads messages that are queued in the journal only, for sessions whose clients
// can take them. Belongs to its core. One read at a time for all that wait, in the order of
// records. Limits: batch_bytes and batch_messages a read, and what each session says (options.h).

#include <memory>
#include <vector>

#include "protocols/mqtt/journal.h"
#include "protocols/mqtt/session.h"

namespace mw::mqtt {

class Core;

class Recall final : public std::enable_shared_from_this<Recall> {
 public:
    Recall(Core& core, Journal& journal) : core_(core), journal_(journal) {}

    void want(const Session& session);  // it says what, when its turn comes
    void tick();                        // what the disk did not give is tried again

 private:
    static constexpr std::size_t batch_bytes = std::size_t{8} << 20;
    static constexpr std::size_t batch_messages = 4'096;
    using Batch = std::vector<Session::Wanted>;

    void start();
    void arrived(const Batch& batch, const Journal::Read& read);
    MessageRef message_in(const Result<Bytes>& read, bool& lost);
    void tell(const Error& error);

    Core& core_;
    Journal& journal_;
    std::vector<SessionNumber> waiting_;
    std::vector<SessionNumber> later_;
    bool reading_ = false;
    bool told_ = false;  // one line a batch; the rest is counted
};

}  // namespace mw::mqtt
