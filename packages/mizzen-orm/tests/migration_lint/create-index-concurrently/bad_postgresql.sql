CREATE UNIQUE INDEX "ix posts views" ON public.posts (views);
