//===- Mail.cpp - Messages between launched processes ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/Mail.h"

#include "runtime/base/Digest.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

using namespace plait;

/// Of beats; groups have contexts from 1 on, of 8 tags each.
static constexpr uint32_t kBeatTag = 0;

ProcessPlace ProcessPlace::own() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  // Process ids mean the same within one namespace of them.
  struct stat space = {};
  ::stat("/proc/self/ns/pid", &space);
  std::string digest = digestOf(boot + " " + std::to_string(space.st_ino));
  return {boot.empty() ? 0 : std::stoull(digest.substr(0, 15), nullptr, 16), ::getpid()};
}

Expected<std::shared_ptr<Mail>> Mail::open(const plait_comm_plugin_v1_t &plugin) {
  std::shared_ptr<Mail> mail(new Mail(plugin));
  char error[256] = "";
  if (plugin.open(&mail->world, &mail->me, &mail->ranks, &mail->largestTag, error, sizeof(error)) != 0) {
    mail->closed = true;
    return resourceError(std::string("ranks: cannot join the others by ") + plugin.name + ": " + error);
  }
  mail->counts = std::vector<std::atomic<uint32_t>>(size_t(mail->ranks));
  mail->pulses = std::vector<Pulse>(size_t(mail->ranks));
  for (int rank = 0; rank < mail->ranks; ++rank)
    if (Pulse &pulse = mail->pulses[size_t(rank)]; rank != mail->me)
      pulse.coming = mail->recv({&pulse.in, 1}, rank, kBeatTag);
  try {
    mail->heart = std::thread(&Mail::beat, mail.get());
  } catch (const std::exception &failure) {
    return resourceError("rank " + std::to_string(mail->me) + ": cannot start its heartbeat: " + failure.what());
  }
  return mail;
}

Mail::~Mail() {
  stopHeart();
  pulses.clear();
}

void Mail::close(int code) {
  stopHeart();
  pulses.clear();
  std::lock_guard<std::mutex> lock(plugMutex);
  if (!closed)
    plugin.close(world, code);
  closed = true;
}

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

Mail::Message Mail::send(std::span<const uint8_t> data, int to, uint32_t tag) {
  Message message;
  std::lock_guard<std::mutex> lock(plugMutex);
  message.request = closed ? nullptr : plugin.send(world, data.data(), data.size(), to, tag);
  message.mail = message.request ? this : nullptr;
  message.bad = !message.request;
  return message;
}

Mail::Message Mail::recv(std::span<uint8_t> data, int from, uint32_t tag) {
  Message message;
  std::lock_guard<std::mutex> lock(plugMutex);
  message.request = closed ? nullptr : plugin.recv(world, data.data(), data.size(), from, tag);
  message.mail = message.request ? this : nullptr;
  message.bad = !message.request;
  return message;
}

Mail::Message &Mail::Message::operator=(Message &&other) noexcept {
  if (this == &other)
    return *this;
  giveUp();
  mail = std::exchange(other.mail, nullptr);
  request = other.request;
  bad = other.bad;
  received = other.received;
  return *this;
}

bool Mail::Message::done() {
  if (!mail)
    return true;
  std::lock_guard<std::mutex> lock(mail->plugMutex);
  int state = mail->closed ? -1 : mail->plugin.test(mail->world, request, &received);
  if (state == 0)
    return false;
  bad = state < 0;
  mail = nullptr;
  return true;
}

void Mail::Message::giveUp() {
  if (!mail)
    return;
  std::lock_guard<std::mutex> lock(mail->plugMutex);
  if (!mail->closed)
    mail->plugin.cancel(mail->world, request);
  mail = nullptr;
}

//===----------------------------------------------------------------------===//
// Signs of life
//===----------------------------------------------------------------------===//

void Mail::beat() {
  std::unique_lock<std::mutex> lock(heartMutex);
  while (!changed.wait_for(lock, kBeat, [&] { return stopping; })) {
    exchangeBeats();
    counts[size_t(me)].fetch_add(1, std::memory_order_relaxed);
  }
}

void Mail::exchangeBeats() {
  for (int rank = 0; rank < ranks; ++rank) {
    if (rank == me)
      continue;
    Pulse &pulse = pulses[size_t(rank)];
    while (pulse.coming.done() && !pulse.coming.failed()) {
      counts[size_t(rank)].fetch_add(1, std::memory_order_relaxed);
      pulse.coming = recv({&pulse.in, 1}, rank, kBeatTag);
    }
    // One that does not take its beats gets no more of them.
    if (pulse.going.done())
      pulse.going = send({&pulse.out, 1}, rank, kBeatTag);
  }
}

void Mail::stopHeart() {
  {
    std::lock_guard<std::mutex> lock(heartMutex);
    stopping = true;
  }
  changed.notify_all();
  if (heart.joinable())
    heart.join();
}

bool Mail::ended(int rank) const {
  if (places.empty() || places[size_t(rank)].machine == 0 || places[size_t(rank)].machine != places[size_t(me)].machine)
    return false;
  int64_t process = places[size_t(rank)].process;
  if (::kill(pid_t(process), 0) != 0)
    return errno == ESRCH;
  // It may wait for its parent to take notice.
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text);
  size_t name = text.rfind(") ");
  return name != std::string::npos && name + 2 < text.size() && (text[name + 2] == 'Z' || text[name + 2] == 'X');
}
