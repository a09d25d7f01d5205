/**
 * A script for every image, also for one without a shell: it tells all that a program can see of how it was started.
 * What depends on the moment (numbers of processes and of namespaces) is told as being the host's or not.
 */
export const PROBE = `#!/probe/sh
B=/probe/busybox
echo "[arguments]"
for word; do printf '<%s>\\n' "$word"; done
echo "[environment]"
$B sort -z </proc/$$/environ | $B tr '\\000' '\\n'
echo "[process]"
echo "in $PWD, really $($B readlink /proc/$$/cwd), umask $(umask), on $($B hostname)"
$B id
$B grep -E '^(Uid|Gid|Groups|SigBlk|SigIgn|NoNewPrivs|Seccomp):' /proc/$$/status
$B grep -E '^Max (open files|core|stack|processes)' /proc/$$/limits
echo "oom $($B cat /proc/$$/oom_score_adj), nice $($B cut -d' ' -f19 /proc/$$/stat)"
for name in pid ipc net uts; do echo "$name $($B readlink /proc/$$/ns/$name)"; done
echo "[accounts]"
$B cat /etc/passwd /etc/group
echo "[mounts]"
while read -r id parent device root point rest; do
  # What the host has mounted there is the machine's matter.
  case $point in /tmp/* | /var/tmp/* | /sys/* | /proc/*) ;; *) echo "$point" ;; esac
done </proc/$$/mountinfo | $B sort -u
echo "[files]"
for path in / /etc /etc/passwd /etc/group /etc/hosts /etc/resolv.conf /tmp /var/tmp /root /home /home/user /dev /dev/null /dev/shm /dev/pts /proc /sys /opt /mnt; do
  if [ ! -e $path ]; then echo "$path: none"; continue; fi
  access=; [ -r $path ] && access=r; [ -w $path ] && access=\${access}w
  echo "$path: $($B stat -c '%A %u:%g' $path) $access"
done
for folder in /tmp /var/tmp "$HOME" /mnt; do
  [ -d "$folder" ] || continue
  if [ -e "$folder/of-home" ]; then echo "$folder is the home of $($B cat "$folder/of-home")"; fi
  if [ -z "$($B ls -A "$folder" 2>/dev/null)" ]; then echo "$folder is empty"; fi
done
echo "[end]"
`;

/** The host's namespaces, by which the probe's are told. */
export type HostNamespaces = Readonly<Record<"pid" | "ipc" | "net" | "uts", string>>;

/** The probe's words with what is different from run to run taken out of them. */
export function settleProbe(text: string, host: HostNamespaces): string {
  return text.replace(/^(pid|ipc|net|uts) (\w+:\[\d+\])$/gm, (_, name: keyof HostNamespaces, link: string) =>
    link === host[name] ? `${name} of the host` : `${name} of its own`,
  );
}
