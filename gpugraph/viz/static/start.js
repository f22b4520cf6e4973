gg.restoreTheme();
gg.start();
