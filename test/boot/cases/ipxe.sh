# SPDX-License-Identifier: GPL-2.0-only
# iPXE, from the network card's ROM, gets a script, a kernel and an initramfs from the
# TFTP server in QEMU's user network, and boots them.
# files: test-guests/686.vmlinuz test-guests/tiny-i386.initramfs
mkdir -p /run/tftp
cp /share/686.vmlinuz /run/tftp/vmlinuz
cp /share/tiny-i386.initramfs /run/tftp/initramfs
cat >/run/tftp/boot.ipxe <<END
#!ipxe
kernel vmlinuz console=ttyS0 quiet initrd=initramfs
initrd initramfs
boot
END
start ipxe -boot n -device virtio-net-pci,netdev=net0 \
	-netdev user,id=net0,tftp=/run/tftp,bootfile=boot.ipxe
wait_console ipxe 300 GUEST-USERLAND
