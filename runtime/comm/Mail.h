//===- Mail.h - Messages between launched processes -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A plug-in (CommPlugin.h) in use: its functions one at a time, messages that end
// with their owner, and a heart that tells every other process that this one lives
// and hears the same from them.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_MAIL_H
#define PLAIT_RUNTIME_COMM_MAIL_H

#include "runtime/base/Status.h"
#include "runtime/comm/CommPlugin.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace plait {

/// Where a process is, so that others on its machine see when it has ended.
struct ProcessPlace {
  uint64_t machine = 0; ///< a digest; the same where process ids mean the same
  int64_t process = 0;
  static ProcessPlace own();
};

class Mail {
public:
  static constexpr std::chrono::milliseconds kBeat{50};
  /// A message is at most as large; larger data goes in several.
  static constexpr size_t kMostBytes = size_t(1) << 28;

  static Expected<std::shared_ptr<Mail>> open(const plait_comm_plugin_v1_t &plugin);
  ~Mail();
  Mail(const Mail &) = delete;

  int rank() const { return me; }
  int size() const { return ranks; }
  uint32_t mostTag() const { return largestTag; }

  /// A message under way; given up when it goes out of scope.
  class Message {
  public:
    Message() = default;
    Message(Message &&other) noexcept { *this = std::move(other); }
    Message &operator=(Message &&other) noexcept;
    ~Message() { giveUp(); }

    /// Whether it has ended, well or not.
    bool done();
    bool failed() const { return bad; }
    size_t bytes() const { return received; } ///< that came

  private:
    friend class Mail;
    void giveUp();
    Mail *mail = nullptr; ///< null: ended
    plait_comm_request_t *request = nullptr;
    bool bad = false;
    size_t received = 0;
  };
  Message send(std::span<const uint8_t> data, int to, uint32_t tag);
  Message recv(std::span<uint8_t> data, int from, uint32_t tag);

  /// Signs of life of a process; of this one with its own rank. They grow.
  uint32_t beats(int rank) const { return counts[size_t(rank)].load(std::memory_order_relaxed); }
  /// Where the others are, once they have said so.
  void setPlaces(std::vector<ProcessPlace> all) { places = std::move(all); }
  /// Whether a process of this machine has ended. False of others.
  bool ended(int rank) const;

  /// Whether a group of these processes has failed.
  bool hasFailed() const { return groupFailed; }
  void setFailed() { groupFailed = true; }

  /// See CommPlugin.h; nothing can be sent afterwards.
  void close(int code);

  /// What tags begin with, one after another.
  uint32_t nextContext() { return ++contexts; }
  uint32_t lastContext() const { return contexts; }
  void useContexts(uint32_t last) { contexts = last; }

private:
  explicit Mail(const plait_comm_plugin_v1_t &plugin) : plugin(plugin) {}
  void beat();
  void exchangeBeats();
  void stopHeart();

  /// The beats that come from and go to one rank.
  struct Pulse {
    uint8_t in = 0, out = 0;
    Message coming, going;
  };

  const plait_comm_plugin_v1_t &plugin;
  void *world = nullptr;
  int32_t me = 0, ranks = 0;
  uint32_t largestTag = 0, contexts = 0;
  std::mutex plugMutex; ///< one call of the plug-in at a time
  bool closed = false;
  std::atomic<bool> groupFailed{false};
  std::vector<ProcessPlace> places;
  std::vector<std::atomic<uint32_t>> counts;
  std::vector<Pulse> pulses;
  std::mutex heartMutex;
  std::condition_variable changed;
  bool stopping = false;
  std::thread heart;
};

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_MAIL_H
