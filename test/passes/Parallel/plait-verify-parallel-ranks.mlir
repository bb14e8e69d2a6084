// The programs of all ranks, run against each other.
//
// RUN: plait-opt %s -split-input-file --plait-verify-parallel -verify-diagnostics -o /dev/null

// The same on both, in a loop, too, and messages in pairs.
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 0
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %l = lm.layers 0 to 3 iter(%h = %x) : tensor<?x32xf32, #lm.dims<tokens>> {
      par.send %h to 1 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
      %a = par.recv from 1 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
      lm.yield %a : tensor<?x32xf32, #lm.dims<tokens>>
    }
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 1
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %l = lm.layers 0 to 3 iter(%h = %x) : tensor<?x32xf32, #lm.dims<tokens>> {
      %a = par.recv from 0 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
      par.send %h to 0 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
      lm.yield %a : tensor<?x32xf32, #lm.dims<tokens>>
    }
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}

// -----

// Groups of a mesh of two axes.
module {
  par.mesh @mesh axes ["x", "y"] sizes [2, 2] rank 0
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %s = par.all_reduce %p on @mesh ["y"] : tensor<?x32xf32, #lm.dims<tokens>>
    %t = par.all_reduce %s on @mesh ["x"] : tensor<?x32xf32, #lm.dims<tokens>>
    %u = par.all_reduce %t on @mesh ["x", "y"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["x", "y"] sizes [2, 2] rank 1
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %s = par.all_reduce %p on @mesh ["y"] : tensor<?x32xf32, #lm.dims<tokens>>
    %t = par.all_reduce %s on @mesh ["x"] : tensor<?x32xf32, #lm.dims<tokens>>
    %u = par.all_reduce %t on @mesh ["x", "y"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["x", "y"] sizes [2, 2] rank 2
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %s = par.all_reduce %p on @mesh ["y"] : tensor<?x32xf32, #lm.dims<tokens>>
    %t = par.all_reduce %s on @mesh ["x"] : tensor<?x32xf32, #lm.dims<tokens>>
    %u = par.all_reduce %t on @mesh ["x", "y"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["x", "y"] sizes [2, 2] rank 3
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %s = par.all_reduce %p on @mesh ["y"] : tensor<?x32xf32, #lm.dims<tokens>>
    %t = par.all_reduce %s on @mesh ["x"] : tensor<?x32xf32, #lm.dims<tokens>>
    %u = par.all_reduce %t on @mesh ["x", "y"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}

// -----

module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 0
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-error @+2 {{'par.all_reduce' of rank 0 meets 'par.broadcast' of rank 1; expected the same on all ranks}}
    // expected-note @+1 {{rank 0: par.all_reduce of tensor<?x32xf32, #lm.dims<tokens>> over}}
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 1
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-note @+1 {{rank 1: par.broadcast of}}
    %s = par.broadcast %p root 0 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}

// -----

// Sums in another order.
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 0
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-error @+2 {{'par.all_reduce' of rank 0 meets 'par.all_reduce' of rank 1; expected the same on all ranks}}
    // expected-note @+1 {{rank 0: }}
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 1
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-note @+1 {{order tree}}
    %s = par.all_reduce %p on @mesh ["tp"] order tree : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}

// -----

// More layers on one rank.
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 0
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %l = lm.layers 0 to 2 iter(%h = %x) : tensor<?x32xf32, #lm.dims<tokens>> {
      %a = par.all_reduce %h on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
      lm.yield %a : tensor<?x32xf32, #lm.dims<tokens>>
    }
    // expected-error @+2 {{'par.broadcast' of rank 0 meets 'par.all_reduce' of rank 1 in layer 2}}
    // expected-note @+1 {{rank 0: par.broadcast}}
    %s = par.broadcast %p root 0 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 1
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %l = lm.layers 0 to 3 iter(%h = %x) : tensor<?x32xf32, #lm.dims<tokens>> {
      // expected-note @+1 {{rank 1: par.all_reduce}}
      %a = par.all_reduce %h on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
      lm.yield %a : tensor<?x32xf32, #lm.dims<tokens>>
    }
    %s = par.broadcast %p root 0 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}

// -----

// One has come to its end.
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 0
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-error @+1 {{'par.all_reduce' of rank 0 meets nothing of rank 1, whose step 's' has come to its end; expected its partner there}}
    %t = par.all_reduce %s on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 1
  // expected-note @+1 {{rank 1: this step}}
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}

// -----

// Both send first: a send may wait for its peer.
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 0
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-error @+1 {{'par.send' of rank 0 waits for rank 1, which is at 'par.send'; ranks 0, 1 wait for each other in a circle}}
    par.send %p to 1 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %a = par.recv from 1 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 1
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-note @+1 {{rank 1: par.send, a message of}}
    par.send %p to 0 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %a = par.recv from 0 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}

// -----

// A circle of three.
module {
  par.mesh @mesh axes ["tp"] sizes [3] rank 0
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-error @+1 {{'par.recv' of rank 0 waits for rank 2, which is at 'par.recv'; ranks 0, 2, 1 wait for each other in a circle}}
    %a = par.recv from 2 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    par.send %p to 1 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["tp"] sizes [3] rank 1
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-note @+1 {{rank 1: par.recv}}
    %a = par.recv from 0 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    par.send %p to 2 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["tp"] sizes [3] rank 2
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-note @+1 {{rank 2: par.recv}}
    %a = par.recv from 1 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    par.send %p to 0 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}

// -----

// Of another shape.
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 0
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-error @+2 {{'par.send' of rank 0 meets 'par.recv' of rank 1; expected the same}}
    // expected-note @+1 {{rank 0: a message of tensor<?x32xf32}}
    par.send %p to 1 on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 1
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-note @+1 {{rank 1: a message of tensor<?x24xf32}}
    %a = par.recv from 0 on @mesh ["tp"] : tensor<?x24xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}

// -----

// Groups in another order: 0 waits for 1, 1 for 3, 3 for 2, and 2 for 0.
module {
  par.mesh @mesh axes ["x", "y"] sizes [2, 2] rank 0
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-error @+1 {{'par.all_reduce' of rank 0 waits for rank 1, which is at 'par.all_reduce'; ranks 0, 1, 3, 2 wait for each other in a circle}}
    %s = par.all_reduce %p on @mesh ["y"] : tensor<?x32xf32, #lm.dims<tokens>>
    %t = par.all_reduce %s on @mesh ["x"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["x", "y"] sizes [2, 2] rank 1
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-note @+1 {{rank 1: par.all_reduce}}
    %s = par.all_reduce %p on @mesh ["x"] : tensor<?x32xf32, #lm.dims<tokens>>
    %t = par.all_reduce %s on @mesh ["y"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["x", "y"] sizes [2, 2] rank 2
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-note @+1 {{rank 2: par.all_reduce}}
    %s = par.all_reduce %p on @mesh ["x"] : tensor<?x32xf32, #lm.dims<tokens>>
    %t = par.all_reduce %s on @mesh ["y"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["x", "y"] sizes [2, 2] rank 3
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-note @+1 {{rank 3: par.all_reduce}}
    %s = par.all_reduce %p on @mesh ["y"] : tensor<?x32xf32, #lm.dims<tokens>>
    %t = par.all_reduce %s on @mesh ["x"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}

// -----

module {
  par.mesh @mesh axes ["tp"] sizes [3] rank 0
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    // expected-error @+1 {{'par.all_reduce' of rank 0 meets rank 2, whose program is not among those compared}}
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["tp"] sizes [3] rank 1
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}

// -----

// Another step.
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 0
  // expected-error @+1 {{step 's' of rank 0 is not among those of all other ranks}}
  decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
module {
  par.mesh @mesh axes ["tp"] sizes [2] rank 1
  decode.step @t(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
      attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
    %p = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
    %s = par.all_reduce %p on @mesh ["tp"] : tensor<?x32xf32, #lm.dims<tokens>>
    %r = lm.scale %p by 3.0 : tensor<?x32xf32, #lm.dims<tokens>>
    decode.return %r : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
