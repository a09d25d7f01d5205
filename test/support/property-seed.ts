import fc from "fast-check";

// One seed for every run, so that a change is blamed for what it broke and for nothing else. FC_SEED looks further.
fc.configureGlobal({ seed: Number(process.env["FC_SEED"] ?? 1) });
