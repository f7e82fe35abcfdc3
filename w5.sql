set stele.tenant='00000000-0000-0000-0000-000000000001'; set role stele_app;
insert into k_c(tenant_id,key,valid_from,version,at,data) select '00000000-0000-0000-0000-000000000001','R-'||((i*7919)%200011),i,1,now(),'{}' from generate_series(1,200000) i; 
